// What opens from the bar at the top, or from a message, closes again by Escape, and by a click on
// anything else.
const OPEN = 'header details[open], .message > .menu[open]'
document.addEventListener('keydown', ({ key }) => {
    const details = key === 'Escape' && document.querySelector(OPEN)
    if (!details) return
    details.open = false
    details.querySelector('summary').focus()
})
document.addEventListener('click', ({ target }) => {
    // Older engines do not know that one of them closes the other.
    for (const details of document.querySelectorAll(OPEN)) {
        details.open = details.contains(target) || target.closest('#presence, #list') !== null
    }
})
