// What is being written. The keyboard, the draft and its key stay through everything that may happen.
(() => {
    const $ = (id) => document.getElementById(id)
    const isSend = (event) => event.detail.ctx?.sourceElement?.id === 'send'
    const [form, field, key] = [$('send'), $('text'), $('key')]
    const { tab: shelf, keys } = window.hubbub
    const { plain } = keys
    const room = location.pathname.replace(/\/tabs\/.*/, '')

    // The draft outlives a reload, and leaving the room and joining it again.
    const keep = () => shelf.set(room, field.value || null)
    const kept = shelf.get(room)
    if (typeof kept === 'string' && !field.value) field.value = kept
    document.addEventListener('input', keep)

    // As high as what is written: the style sheet shows it once more, unseen, and the field fills that.
    // How much may still be written is told where that is little.
    const NEAR = 200 // Characters.
    const left = $('send-left')
    const grow = () => {
        field.parentElement.dataset.text = field.value
        const number = field.value.length < left.dataset.limit - NEAR ? NEAR + 1 : left.dataset.limit - [...plain(field.value)].length
        left.textContent = number > NEAR ? '' : number < 0 ? `${-number} too many` : `${number} left`
        left.classList.toggle('over', number < 0)
    }
    document.addEventListener('input', grow)
    grow()

    // Where there is room for lines, Enter is a key of the text: here it sends, as in every chat. The
    // one that ends an input method's composition is not ours; WebKit marks it by its code alone. The
    // keyboard of a touch screen has no Shift to break a line with: there the button sends.
    const touch = window.matchMedia?.('(pointer: coarse)')
    const tell = () => (field.enterKeyHint = touch?.matches ? 'enter' : 'send')
    touch?.addEventListener?.('change', tell)
    tell()
    document.addEventListener('keydown', (event) => {
        const composes = event.isComposing || event.keyCode === 229
        if (event.target !== field || event.key !== 'Enter' || event.shiftKey || composes || touch?.matches) return
        event.preventDefault()
        form.requestSubmit()
    })

    // One send at a time. What was entered meanwhile waits: each up to where the field ended then, so
    // that what is typed behind it stays a draft.
    let [under, next, entered] = [null, null, []]
    document.addEventListener('submit', (event) => {
        if (event.target !== form) return
        if (under !== null) {
            const before = [under, ...entered].join('')
            const goesOn = field.value.startsWith(before)
            if (goesOn) entered.push(field.value.slice(before.length))
            else entered = [field.value.startsWith(under) ? field.value.slice(under.length) : field.value]
            event.preventDefault()
            event.stopImmediatePropagation()
            return
        }
        under = next ?? field.value
        key.value = keys.of(under)
    }, true)
    document.addEventListener('htmx:before:request', (event) => {
        if (!isSend(event)) return
        const { body } = event.detail.ctx.request
        if (next !== null) body.set('text', next)
        ;[under, next] = [body.get('text'), null]
        keys.sent(under, body.get('key'))
    })
    document.addEventListener('htmx:finally:request', (event) => {
        if (!isSend(event)) return
        under = null
        if (event.detail.ctx.response?.status === 200) proceed()
        else entered = []
    })
    // What was changed since it was entered is a draft again, and so is what follows.
    const proceed = () => {
        while (under === null && waiting === null && entered.length) {
            const text = entered.shift()
            if (!field.value.startsWith(text)) entered = []
            else if (!plain(text)) cut(text.length)
            else {
                next = text
                form.requestSubmit()
            }
        }
    }

    // Cut as by hand, where the browser can: what was typed can still be undone.
    const cut = (length) => {
        const { selectionStart: from, selectionEnd: to, selectionDirection: way } = field
        const rest = field.value.slice(length)
        if (document.activeElement === field) {
            field.setSelectionRange(0, length)
            document.execCommand?.('delete')
        }
        if (field.value !== rest) field.value = rest
        const moved = (place) => Math.max(0, place - length)
        if (document.activeElement === field) field.setSelectionRange(moved(from), moved(to), way)
        grow()
        keep()
    }

    // Nothing is taken from under an input method; what it holds is cut when it is done.
    let [composing, waiting] = [false, null]
    const sent = (text) => {
        if (composing) return (waiting = text)
        waiting = null
        if (field.value.startsWith(text)) cut(text.length)
    }
    document.addEventListener('compositionstart', () => (composing = true))
    document.addEventListener('compositionend', () => {
        composing = false
        // Some browsers put the composed text into the field after this event.
        if (waiting !== null) setTimeout(() => {
            if (waiting !== null) sent(waiting)
            proceed()
        })
    })

    // The answer to a send brings a new form. The old one stays, with its field, and takes from the new
    // one what is new in it.
    document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
        for (const task of [...tasks]) {
            const next = task.fragment.querySelector('#send')
            if (!next) continue
            tasks.splice(tasks.indexOf(task), 1)
            const took = ctx.response.status === 200
            const text = ctx.request.body.get('text')
            const note = next.querySelector('#send-note').textContent
            $('send-note').textContent = note
            if (note) field.setAttribute('aria-invalid', 'true')
            else field.removeAttribute('aria-invalid')
            // Taken, or under a key that was another message's: refused so, it is not stored.
            if (took) keys.took()
            else if (next.querySelector('#key').value !== key.value) keys.refused(text)
            if (took) document.querySelector('.scroller').scrollTop = 0
            if (took) sent(text)
            if (form.contains(document.activeElement) || document.activeElement === document.body) {
                field.focus({ preventScroll: true })
            }
        }
    })
    // What was wrong is not, as soon as it is written anew.
    field.addEventListener('input', () => {
        if (field.hasAttribute('aria-invalid')) $('send-note').textContent = ''
        field.removeAttribute('aria-invalid')
    })
})()
