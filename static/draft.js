// What is sent, each text once. The keyboard, the draft and its key stay through everything that may happen.
const { $, room, who, plain, scroller, tab: shelf } = hubbub
const [form, field] = [$('send'), $('text')]

// A key belongs to one draft of one live page: the one that a page comes with may be an old one,
// from the browser's cache.
const fresh = () => {
    const digits = Array.from({ length: 20 }, () => Math.floor(Math.random() * 16).toString(16))
    return Date.now().toString(16).padStart(12, '0') + digits.join('')
}

// Texts that were sent without a word of what became of them, and under which key: sent again, each
// is still the same message; another text is another one. While a page lives they are its own.
// A copy of the tab gets what is on the shelf, so they lie there only from its end to its return.
const unsure = new Map()
const SHELVED = `${room} unsure ${who(document.querySelector('main'))}`
const take = () => {
    for (const [text, key] of shelf.get(SHELVED) ?? []) unsure.set(text, key)
    shelf.set(SHELVED, null)
}
take()
addEventListener('pageshow', take)
addEventListener('pagehide', () => shelf.set(SHELVED, [...unsure]))

// What was sent goes from the field's beginning: as by hand, where the browser can, so that what was
// typed can still be undone. Nothing is taken from under an input method; it goes when that is done.
let [sent, composing] = ['', false]
const clear = () => {
    if (composing) return
    if (sent && field.value.startsWith(sent)) cut(sent.length)
    sent = ''
}
const cut = (length) => {
    const { selectionStart, selectionEnd, selectionDirection } = field
    const rest = field.value.slice(length)
    const places = [selectionStart, selectionEnd].map((place) => Math.max(0, place - length))
    const focused = document.activeElement === field
    if (focused) (field.setSelectionRange(0, length), document.execCommand?.('delete'))
    if (field.value !== rest) field.value = rest
    if (focused) field.setSelectionRange(...places, selectionDirection)
    field.dispatchEvent(new Event('input'))
}
document.addEventListener('compositionstart', () => (composing = true))
document.addEventListener('compositionend', () => {
    composing = false
    setTimeout(clear) // Some browsers put the composed text into the field after this event.
})

// One send at a time: htmx has what is entered meanwhile wait. Each is what stands in the field behind
// those before it, so that what is typed behind it stays a draft.
const entered = []
const textOf = (ctx) => ctx.request.body.get('text')
form.addEventListener('htmx:config:request', (event) => {
    const behind = (rest, text) => rest.startsWith(text) ? rest.slice(text.length) : rest
    const text = [sent, ...entered.map(textOf)].reduce(behind, field.value)
    if ((sent || entered.length) && !plain(text)) return event.preventDefault()
    entered.push(event.detail.ctx)
    event.detail.ctx.request.body.set('text', text)
})
form.addEventListener('htmx:before:request', (event) => {
    const { ctx } = event.detail
    const text = textOf(ctx)
    // What was changed since it was entered is a draft again, and so is what follows.
    if (entered[0] !== ctx || !field.value.startsWith(sent + text)) return event.preventDefault()
    if (!unsure.has(plain(text))) unsure.set(plain(text), fresh())
    ctx.request.body.set('key', unsure.get(plain(text)))
})
form.addEventListener('htmx:after:request', ({ detail: { ctx } }) => {
    const text = textOf(ctx)
    ctx.hx.reswap = null // The form stays, with its field.
    // The key was another message's: this one is not stored under it.
    if (ctx.response.headers.get('Hubbub') === 'key_reused') unsure.delete(plain(text))
    if (ctx.response.status === 200) {
        unsure.clear()
        scroller().scrollTop = 0
        sent += text
        clear()
    }
    const idle = form.contains(document.activeElement) || document.activeElement === document.body
    if (idle && ctx.response.headers.has('Hubbub')) field.focus({ preventScroll: true })
})
// What is behind one that failed is a draft again, too.
form.addEventListener('htmx:finally:request', ({ detail: { ctx } }) => {
    entered.splice(0, ctx.response?.status === 200 ? 1 : entered.length)
})
