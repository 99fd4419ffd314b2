// What opens from the bar at the top closes again by Escape, and by a click on anything else.
(() => {
    const open = () => document.querySelector('header details[open]')
    document.addEventListener('keydown', ({ key }) => {
        const details = key === 'Escape' && open()
        if (!details) return
        details.open = false
        details.querySelector('summary').focus()
    })
    document.addEventListener('click', ({ target }) => {
        // Older engines do not know that one of them closes the other.
        for (const details of document.querySelectorAll('header details[open]')) {
            const inside = target.closest('details') === details || target.closest('#presence, #list')
            if (!inside) details.open = false
        }
    })
})()
