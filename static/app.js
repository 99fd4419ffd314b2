// What the page says of sends and of other requests, and of a tab that is not joined any more.
const { $, isSend, browser } = hubbub
browser.set('name', document.querySelector('main').dataset.name) // For the next join form.

// The tab left (and one came back to its page, or looks at its twin), or its cookie is gone. No
// waiting heals that; joining again under its name does, where one may still be here.
document.addEventListener('hubbub:gone', ({ detail }) => {
    const typing = $('send').contains(document.activeElement)
    const [words, button] = $('again').querySelectorAll('p, button')
    $('send').hidden = true
    $('again').hidden = false
    if (detail) {
        words.textContent = `${detail} What you were writing is kept.`
        button.hidden = true
    }
    if (typing) (detail ? words : button).focus()
})
let left = false
document.addEventListener('submit', ({ target }) => (left ||= target.id === 'leave'))
addEventListener('pageshow', () => left && document.dispatchEvent(new Event('hubbub:gone')))

// A send that failed leaves the draft where it is, and says so. What an outage kept from being sent
// is sent when that is over, under its key; changed meanwhile, it is a draft and stays one.
let outage = null // The text that was to be sent.
const note = (text, unsent = null) => {
    outage = unsent
    $('send-note').textContent = text
    $('send-note').classList.toggle('failed', text !== '')
    $('text').removeAttribute('aria-invalid')
}
document.addEventListener('hubbub:live', () => {
    if (outage === null) return
    const again = $('text').value === outage
    note('')
    if (again) $('send').requestSubmit()
})
document.addEventListener('htmx:config:request', (event) => isSend(event) && note(''))
// What was wrong is not, as soon as it is written anew.
$('text').addEventListener('input', ({ target }) => target.hasAttribute('aria-invalid') && note(''))

const KEPT = 'Your message is still here.'
const OTHER = 'something else answered in its place, such as the sign-in page of a network.'
document.addEventListener('htmx:error', (event) => {
    if (!isSend(event)) return
    const { ctx, error } = event.detail
    const why = error?.foreign ? OTHER : 'the server cannot be reached.'
    const then = 'It goes out when the connection is back, or press Send.'
    note(`Not sent: ${why} ${KEPT} ${then}`, ctx.request.body.get('text'))
})
document.addEventListener('htmx:response:error', (event) => {
    const { ctx } = event.detail
    const ours = ctx.response.headers.get('Hubbub')
    if (ctx.sourceElement.closest('.menu')) note(ctx.text)
    if (!isSend(event)) return
    if (!ours) return note(`Not sent: the server answered ${ctx.response.status}. ${KEPT}`, ctx.request.body.get('text'))
    note(ctx.text)
    $('text').setAttribute('aria-invalid', 'true')
})
// Where it brought something, this way to what is older is gone by now.
document.addEventListener('htmx:finally:request', ({ target }) => {
    if (target.matches?.('.older a')) target.classList.add('failed')
})
