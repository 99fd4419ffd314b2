// What the page says of sends and of other requests, and of a tab that is not joined any more.
(() => {
    const $ = (id) => document.getElementById(id)
    const list = $('messages')
    const isSend = (event) => event.detail.ctx?.sourceElement?.id === 'send'
    hubbub.browser.set('name', document.querySelector('main').dataset.name) // For the next join form.

    // The tab left (and one came back to its page, or looks at its twin), or its cookie is gone. No
    // waiting heals that; joining again under its name does, where one may still be here.
    const NO_LINK = 'You cannot be in this room any more: the link that let you in has ended or was revoked.'
    document.addEventListener('hubbub:gone', ({ detail }) => {
        const typing = $('send').contains(document.activeElement)
        const [words, button] = $('again').querySelectorAll('p, button')
        $('send').hidden = true
        $('again').hidden = false
        if (detail) {
            words.textContent = `${detail.why ?? NO_LINK} What you were writing is kept.`
            button.hidden = true
        }
        if (typing) (detail ? words : button).focus()
    })
    let left = false
    document.addEventListener('submit', ({ target }) => (left ||= target.id === 'leave'))
    addEventListener('pageshow', () => left && document.dispatchEvent(new Event('hubbub:gone')))

    // Nothing here changes the address, and under one with credentials a look at history throws.
    htmx.config.history = false
    document.addEventListener('htmx:config:request', ({ detail: { ctx } }) => {
        delete ctx.request.headers['HX-Current-URL'] // Nobody needs it, and it may hold credentials.
    })
    document.addEventListener('htmx:before:request', (event) => isSend(event) && note(''))

    // A send that failed leaves the draft where it is, and says so. What an outage kept from being sent
    // is sent when that is over, under its key; changed meanwhile, it is a draft and stays one.
    let outage = null // The text that was to be sent.
    const note = (text, unsent = null) => {
        outage = unsent
        $('send-note').textContent = text
        $('send-note').classList.toggle('failed', text !== '')
    }
    document.addEventListener('hubbub:live', () => {
        if (outage === null) return
        const again = $('text').value === outage
        note('')
        if (again) $('send').requestSubmit()
    })
    const KEPT = 'Your message is still here.'
    document.addEventListener('htmx:error', (event) => {
        const { ctx, error } = event.detail
        if (ctx?.sourceElement?.closest?.('.older')) ctx.sourceElement.classList.add('failed')
        const other = 'something else answered in its place, such as the sign-in page of a network.'
        const why = error?.foreign ? other : 'the server cannot be reached.'
        if (isSend(event)) note(`Not sent: ${why} ${KEPT} It goes out when the connection is back, or press Send.`, ctx.request.body.get('text'))
    })
    document.addEventListener('htmx:response:error', (event) => {
        const { ctx } = event.detail
        if (list.contains(ctx?.sourceElement)) ctx.swap = 'none' // An error page is no message.
        if (ctx?.sourceElement?.closest?.('.older')) ctx.sourceElement.classList.add('failed')
        if (ctx?.sourceElement?.closest?.('.menu')) note(ctx.text)
        if (!isSend(event) || ctx.hx.reswap) return // Our own form, which says what is wrong.
        const ours = ctx.response.headers.get('Hubbub')
        note(`Not sent: ${ours ? ctx.text : `the server answered ${ctx.response.status}. ${KEPT}`}`, ctx.request.body.get('text'))
    })
})()
