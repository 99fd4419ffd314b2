// The field that one writes in: what is in it stays, it grows, and Enter sends it.
const { $, room, plain, tab: shelf } = hubbub
const [form, field, left] = [$('send'), $('text'), $('send-left')]

// The draft outlives a reload, and leaving the room and joining it again.
field.value ||= shelf.get(room) ?? ''

// As high as what is written: the style sheet shows it once more, unseen, and the field fills that.
// How much may still be written is told where that is little.
const NEAR = 200 // Characters.
const written = () => {
    shelf.set(room, field.value || null)
    // The very node: one put in its place would end what Chromium undoes in one step.
    field.nextElementSibling.firstChild.data = `${field.value} `
    const number = left.dataset.limit - [...plain(field.value)].length
    left.textContent = number > NEAR ? '' : number < 0 ? `${-number} too many` : `${number} left`
    left.classList.toggle('over', number < 0)
}
field.addEventListener('input', written)
written()

// Where there is room for lines, Enter is a key of the text: here it sends, as in every chat. The
// one that ends an input method's composition is not ours; WebKit marks it by its code alone. The
// keyboard of a touch screen has no Shift to break a line with: there the button sends.
const touch = window.matchMedia?.('(pointer: coarse)')
const tell = () => (field.enterKeyHint = touch?.matches ? 'enter' : 'send')
touch?.addEventListener('change', tell)
tell()
field.addEventListener('keydown', (event) => {
    const composes = event.isComposing || event.keyCode === 229
    if (event.key !== 'Enter' || event.shiftKey || composes || touch?.matches) return
    event.preventDefault()
    form.requestSubmit()
})
