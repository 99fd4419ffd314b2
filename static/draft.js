// What is being written. The keyboard, the draft and its key stay through everything that may happen.
(() => {
    const $ = (id) => document.getElementById(id)
    const isSend = (event) => event.detail.ctx?.sourceElement?.id === 'send'

    // The draft and its key outlive a reload: sent again, it is still the same message.
    const keep = () => sessionStorage.setItem(location.pathname, JSON.stringify([$('text').value, $('key').value]))
    const kept = JSON.parse(sessionStorage.getItem(location.pathname))
    if (kept && !$('text').value) [$('text').value, $('key').value] = kept
    document.addEventListener('input', keep)
    document.addEventListener('htmx:after:swap', (event) => isSend(event) && keep())

    // Where there is room for lines, Enter is a key of the text: here it sends, as in every chat.
    document.addEventListener('keydown', (event) => {
        if (event.target.id !== 'text' || event.key !== 'Enter' || event.shiftKey || event.isComposing) return
        event.preventDefault()
        event.target.form.requestSubmit()
    })

    // The answer to a send brings a new form; what was typed since then moves into it.
    document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
        for (const { fragment } of tasks) {
            const next = fragment.querySelector('#text')
            if (!next) continue
            const [sent, now] = [ctx.request.body.get('text'), $('text').value]
            if (ctx.response.status === 200) document.querySelector('.scroller').scrollTop = 0
            if (now === sent) continue
            next.value = ctx.response.status === 200 && now.startsWith(sent) ? now.slice(sent.length) : now
        }
    })
})()
