// The join form, where a script can help it.
const [form, field] = [document.getElementById('join'), document.getElementById('username')]

// Who comes back need not type the name again. What is typed takes its place, wherever the caret
// is, until something else was done in the field. Who was signed in before they came has none.
const name = hubbub.browser.get('name')
const fill = typeof name === 'string' && field?.value === ''
if (fill) field.value = name
let untouched = fill || field?.dataset.remembered != null
if (untouched) (field.focus(), field.select())
field?.addEventListener('pointerdown', () => (untouched = false))
field?.addEventListener('keydown', ({ key }) => {
    if (/^(Arrow|Home|End)/.test(key)) untouched = false
    // Not later: what is changed before an input, WebKit does not take into account for it.
    if (untouched) field.select()
})
// What was wrong is not, as soon as it is written anew.
field?.addEventListener('input', () => {
    untouched = false
    field.removeAttribute('aria-invalid')
    document.getElementById('username-problem')?.remove()
})

document.getElementById('cookies').hidden = navigator.cookieEnabled

// A double click joins once. A page that one comes back to is as it was when it was left.
let joined = -Infinity
form.addEventListener('submit', (event) => {
    if (event.timeStamp < joined + 2_000) event.preventDefault()
    else joined = event.timeStamp
})
addEventListener('pageshow', () => (joined = -Infinity))
