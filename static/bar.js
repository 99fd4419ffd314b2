// What opens from the bar at the top, or from a message, closes again by Escape, and by a click on
// anything else.
(() => {
    const OPEN = 'header details[open], .message > .menu[open]'
    const open = () => document.querySelector(OPEN)
    document.addEventListener('keydown', ({ key }) => {
        const details = key === 'Escape' && open()
        if (!details) return
        details.open = false
        details.querySelector('summary').focus()
    })
    document.addEventListener('click', ({ target }) => {
        // Older engines do not know that one of them closes the other.
        for (const details of document.querySelectorAll(OPEN)) {
            const inside = target.closest('details') === details || target.closest('#presence, #list')
            if (!inside) details.open = false
        }
    })
})()
