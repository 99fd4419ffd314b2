// What is being written. The keyboard, the draft and its key stay through everything that may happen.
const { $, isSend, room, scroller, keys, tab: shelf } = hubbub
const [form, field, left] = [$('send'), $('text'), $('send-left')]

// The draft outlives a reload, and leaving the room and joining it again.
const kept = shelf.get(room)
if (typeof kept === 'string' && !field.value) field.value = kept

// As high as what is written: the style sheet shows it once more, unseen, and the field fills that.
// How much may still be written is told where that is little.
const NEAR = 200 // Characters.
const written = () => {
    shelf.set(room, field.value || null)
    field.parentElement.dataset.text = field.value
    const number = left.dataset.limit - [...keys.plain(field.value)].length
    left.textContent = number > NEAR ? '' : number < 0 ? `${-number} too many` : `${number} left`
    left.classList.toggle('over', number < 0)
}
field.addEventListener('input', written)
written()

// Where there is room for lines, Enter is a key of the text: here it sends, as in every chat. The
// one that ends an input method's composition is not ours; WebKit marks it by its code alone. The
// keyboard of a touch screen has no Shift to break a line with: there the button sends.
const touch = matchMedia('(pointer: coarse)')
const tell = () => (field.enterKeyHint = touch.matches ? 'enter' : 'send')
touch.addEventListener('change', tell)
tell()
field.addEventListener('keydown', (event) => {
    const composes = event.isComposing || event.keyCode === 229
    if (event.key !== 'Enter' || event.shiftKey || composes || touch.matches) return
    event.preventDefault()
    form.requestSubmit()
})

// What was sent goes from the field's beginning, by hand where that is possible: what was typed can
// still be undone. Nothing is taken from under an input method; it goes when that is done.
let [sent, composing] = ['', false]
const clear = () => {
    if (composing || !sent) return
    const { selectionStart, selectionEnd, selectionDirection } = field
    const { length } = sent
    const rest = field.value.slice(length)
    const matches = field.value.startsWith(sent)
    sent = ''
    if (!matches) return
    if (document.activeElement === field) {
        field.setSelectionRange(0, length)
        document.execCommand('delete')
        const moved = (place) => Math.max(0, place - length)
        field.setSelectionRange(moved(selectionStart), moved(selectionEnd), selectionDirection)
    }
    if (field.value !== rest) field.value = rest
    written()
}
document.addEventListener('compositionstart', () => (composing = true))
document.addEventListener('compositionend', () => {
    composing = false
    setTimeout(clear) // Some browsers put the composed text into the field after this event.
})

// One send at a time: htmx has what is entered meanwhile wait. Each is what stands in the field behind
// those before it, so that what is typed behind it stays a draft.
const entered = []
document.addEventListener('htmx:config:request', (event) => {
    if (!isSend(event)) return
    const behind = (rest, text) => rest.startsWith(text) ? rest.slice(text.length) : rest
    const text = [sent, ...entered].reduce(behind, field.value)
    if (entered.length && !keys.plain(text)) return event.preventDefault()
    entered.push(text)
    event.detail.ctx.request.body.set('text', text)
})
document.addEventListener('htmx:before:request', (event) => {
    if (!isSend(event)) return
    const { body } = event.detail.ctx.request
    const text = body.get('text')
    // What was changed since it was entered is a draft again, and so is what follows.
    if (!field.value.startsWith(sent + text)) return event.preventDefault()
    body.set('key', keys.of(text))
})
document.addEventListener('htmx:finally:request', (event) => isSend(event) && entered.shift())

document.addEventListener('htmx:after:request', (event) => {
    if (!isSend(event)) return
    const { request, response } = event.detail.ctx
    const text = request.body.get('text')
    // It was another message's, and this one is not stored under it.
    if (response.headers.get('Hubbub') === 'key_reused') keys.refused(text)
    if (response.status === 200) {
        keys.took()
        scroller().scrollTop = 0
        sent += text
        clear()
    }
    if (form.contains(document.activeElement) || document.activeElement === document.body) {
        field.focus({ preventScroll: true })
    }
})
