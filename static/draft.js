// What is sent, each text once. The keyboard, the draft and its key stay through everything that may happen.
const { $, room, who, plain, scroller, tab: shelf } = hubbub
const [form, field] = [$('send'), $('text')]

// A key belongs to one draft of one live page: the one that a page comes with may be an old one,
// from the browser's cache.
const fresh = () => {
    const random = [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => (byte & 15).toString(16))
    return Date.now().toString(16).padStart(12, '0') + random.join('')
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
    if (document.activeElement === field) {
        field.setSelectionRange(0, length)
        document.execCommand('delete')
        const moved = (place) => Math.max(0, place - length)
        field.setSelectionRange(moved(selectionStart), moved(selectionEnd), selectionDirection)
    }
    if (field.value !== rest) field.value = rest
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
form.addEventListener('htmx:config:request', (event) => {
    const behind = (rest, text) => rest.startsWith(text) ? rest.slice(text.length) : rest
    const text = [sent, ...entered].reduce(behind, field.value)
    if (entered.length && !plain(text)) return event.preventDefault()
    entered.push(text)
    event.detail.ctx.request.body.set('text', text)
})
form.addEventListener('htmx:before:request', (event) => {
    const { body } = event.detail.ctx.request
    const text = body.get('text')
    // What was changed since it was entered is a draft again, and so is what follows.
    if (!field.value.startsWith(sent + text)) return event.preventDefault()
    if (!unsure.has(plain(text))) unsure.set(plain(text), fresh())
    body.set('key', unsure.get(plain(text)))
})
form.addEventListener('htmx:after:request', ({ detail: { ctx } }) => {
    const text = ctx.request.body.get('text')
    // The key was another message's: this one is not stored under it.
    if (ctx.response.headers.get('Hubbub') === 'key_reused') unsure.delete(plain(text))
    if (ctx.response.status === 200) {
        unsure.clear()
        scroller().scrollTop = 0
        sent += text
        clear()
    }
    if (form.contains(document.activeElement) || document.activeElement === document.body) {
        field.focus({ preventScroll: true })
    }
})
form.addEventListener('htmx:finally:request', () => entered.shift())
