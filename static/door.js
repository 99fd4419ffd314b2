// The join form, where a script can help it.
(() => {
    const [form, field] = [document.getElementById('join'), document.getElementById('username')]
    const problem = document.getElementById('username-problem')

    // Who comes back need not type the name again. What is typed takes its place, wherever the caret
    // is, until something else was done in the field.
    let untouched = field?.dataset.remembered != null
    try {
        const name = JSON.parse(localStorage.getItem('name'))
        if (typeof name === 'string' && !field.value) {
            untouched = true
            field.value = name
        }
    } catch { /* Nothing is remembered here. */ }
    if (untouched) {
        field.focus()
        field.select()
    }
    // Who was signed in before they came has no field for a name.
    field?.addEventListener('pointerdown', () => (untouched = false))
    field?.addEventListener('keydown', ({ key }) => {
        if (/^(Arrow|Home|End)/.test(key)) untouched = false
        // Not later: what is changed before an input, WebKit does not take into account for it.
        if (untouched) field.select()
    })

    const cookies = document.getElementById('cookies')
    if (!navigator.cookieEnabled) {
        cookies.textContent = cookies.dataset.blocked
        cookies.hidden = false
    }

    // A double click joins once. A page that one comes back to is as it was when it was left.
    let joining = false
    form.addEventListener('submit', (event) => {
        if (joining) event.preventDefault()
        joining = true
        setTimeout(() => (joining = false), 2_000)
    })
    addEventListener('pageshow', () => (joining = false))

    // What was wrong is not, as soon as it is written anew.
    field?.addEventListener('input', () => {
        untouched = false
        field.removeAttribute('aria-invalid')
        problem?.remove()
    })
})()
