// What the page says of sends and of other requests, and of a tab that is not joined any more.
const { $, browser } = hubbub
const [list, form, field] = [$('messages'), $('send'), $('text')]
browser.set('name', document.querySelector('main').dataset.name) // For the next join form.

// The tab left (and one came back to its page, or looks at its twin), or its cookie is gone. No
// waiting heals that; joining again under its name does, where one may still be here.
document.addEventListener('hubbub:gone', ({ detail }) => {
    const typing = form.contains(document.activeElement)
    const [words, button] = $('again').querySelectorAll('p, button')
    form.hidden = true
    $('again').hidden = false
    if (detail) words.textContent = `${detail} What you were writing is kept.`
    button.hidden = Boolean(detail)
    if (typing) (detail ? words : button).focus()
})
$('leave').addEventListener('submit', () => addEventListener('pageshow', () => hubbub.gone()))

// A send that failed leaves the draft where it is, and says so. What an outage kept from being sent
// is sent when that is over, under its key; changed meanwhile, it is a draft and stays one.
let outage = null // The text that was to be sent.
const note = (text, unsent = null) => {
    outage = unsent
    $('send-note').textContent = text
    $('send-note').classList.toggle('failed', text !== '')
    field.removeAttribute('aria-invalid')
}
document.addEventListener('hubbub:live', () => {
    if (outage === null) return
    if (field.value === outage) form.requestSubmit()
    else note(field.value && 'Connected again. You changed your message since: press Send.')
})
form.addEventListener('htmx:config:request', () => note(''))
// What was wrong is not, as soon as it is written anew.
field.addEventListener('input', () => field.hasAttribute('aria-invalid') && note(''))

// A refusal of ours is the form with a sentence in it, or that alone; the page keeps its own form.
const parsed = (text) => new DOMParser().parseFromString(text, 'text/html')
const sentence = (text) => parsed(text).getElementById('send-note')?.textContent ?? text
const KEPT = 'Your message is still here.'
const WAITS = `${KEPT} It goes out when the connection is back, or press Send.`
const OTHER = 'something else answered in its place, such as the sign-in page of a network.'
form.addEventListener('htmx:error', ({ detail: { ctx, error } }) => {
    const why = error?.foreign ? OTHER : 'the server cannot be reached.'
    note(`Not sent: ${why} ${WAITS}`, ctx?.request.body.get('text'))
})
form.addEventListener('htmx:response:error', ({ detail: { ctx } }) => {
    const { status, headers } = ctx.response
    if (!headers.has('Hubbub')) return note(`Not sent: the server answered ${status}. ${KEPT}`, ctx.request.body.get('text'))
    note(sentence(ctx.text))
    field.setAttribute('aria-invalid', 'true')
})
// Of what is in the list: why a message was not removed, and that older ones were not brought. (Where
// they were, this way to them is gone.)
const NOT_REMOVED = 'Not removed: no answer came from the server. Please try again.'
for (const failed of ['htmx:error', 'htmx:response:error']) list.addEventListener(failed, ({ target, detail }) => {
    const ours = detail.ctx?.response?.headers.has('Hubbub')
    if (target.closest('.menu')) note(ours ? detail.ctx.text : NOT_REMOVED)
})
list.addEventListener('htmx:finally:request', ({ target }) => {
    if (target.matches('.older a')) target.classList.add('failed')
})
