// A long text grows downwards from where it is, and folded again it is in view. Laid out from the
// bottom, the list would push its beginning up.
document.addEventListener('change', ({ target }) => {
    if (!target.closest('.all')) return
    const line = target.closest('.message')
    const top = () => line.getBoundingClientRect().top
    target.checked = !target.checked
    const before = top()
    target.checked = !target.checked
    document.querySelector('.scroller').scrollTop += top() - before
    if (!target.checked) line.scrollIntoView({ block: 'nearest' })
})
