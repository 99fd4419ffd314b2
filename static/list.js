// The list of messages as its one reader sees it. A fragment is the same for all readers; what depends
// on who reads, and where, is put on it here. It stands in the head, so that the list is arranged
// while it is parsed, and nothing moves after the first paint.
(() => {
    const $ = (id) => document.getElementById(id)
    const lines = () => [...document.querySelectorAll('#messages > .message')]
    const scroller = () => document.querySelector('.scroller')
    // By what the server says, and never by what is shown: a translation changes that.
    const name = ({ dataset }) => `${dataset.name}\n${dataset.mark ?? ''}`
    const isOwn = (line) => name(line) === name(document.querySelector('main'))
    const stamp = (line) => line.querySelector('time a') ?? line.querySelector('time')
    const sent = (line) => new Date(line.querySelector('time').dateTime)
    const beside = (line, to) => {
        do line = line[to]
        while (line?.matches('.day'))
        return line?.matches('.message') ? line : null
    }

    // Own messages, runs of one person, times and days of the reader's own clock.
    const RUN = 5 * 60_000 // After a longer pause the name stands there again.
    const format = (options, otherwise) =>
        window.Intl?.DateTimeFormat ? new Intl.DateTimeFormat([], options) : { format: otherwise }
    const [hour, minute] = ['2-digit', '2-digit']
    const clock = format({ hour, minute }, (date) => date.toTimeString().slice(0, 5))
    const dated = format({ day: 'numeric', month: 'short', hour, minute }, (date) => date.toString().slice(4, 21))
    const full = format({ dateStyle: 'full', timeStyle: 'medium' }, (date) => date.toString())
    const calendar = format({ dateStyle: 'full' }, (date) => date.toDateString())
    const relate = (line) => {
        const waits = line.matches('#outbox > :first-child')
        const above = waits ? lines().at(-1) : beside(line, 'previousElementSibling')
        const sameDay = above?.dataset.day === line.dataset.day
        const run = sameDay && name(above) === name(line) && sent(line) - sent(above) < RUN
        line.classList.toggle('run', run)
        // An older one has its day with it, and what follows on it has that from there.
        const short = run || line.dataset.day === calendar.format(new Date())
        stamp(line).textContent = (short ? clock : dated).format(sent(line))
        const mark = line.previousElementSibling
        if (sameDay && mark?.matches('.day')) mark.remove()
        if (sameDay || mark?.matches('.day')) return
        const day = { className: 'day', textContent: line.dataset.day }
        line.before(Object.assign(document.createElement('p'), day))
    }
    // `@` and one's name, as a word of its own and in a text, not in code: which case it is in says nothing.
    const mentions = (line, name) => {
        if (!line.querySelector('span').textContent.includes('@')) return false
        const text = line.querySelector('span').cloneNode(true)
        for (const code of text.querySelectorAll('code')) code.textContent = ' '
        const own = name.replace(/[^\p{L}\p{N}\s]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`)
        // Scripts that put no spaces between words end none either.
        const part = '(?![\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hang}\\p{sc=Thai}])[\\p{L}\\p{M}\\p{N}_]'
        const pattern = new RegExp(`(^|(?!${part})[^])@${own}(?!${part})`, 'iu')
        return pattern.test(text.textContent.normalize('NFC'))
    }
    // Who sent it can take it back, and so can who moderates; whether one may is the server's to say.
    const menu = (line, own) => {
        const box = Object.assign(document.createElement('details'), { className: 'menu' })
        const at = `${location.pathname.replace(/\/tabs\/.*/, '/messages')}/${line.dataset.key}`
        // It is the first there.
        const past = at.replace(/messages\/([^/]*-)(\d+)$/, (_, epoch, seq) => `moderate?before=${epoch}${Number(seq) + 1}#m${seq}`)
        const [page, word] = own ? [at, 'Edit'] : [past, 'Moderate']
        box.innerHTML = `<summary aria-label="${word} or remove">⋯</summary><a href="${page}">${word}</a>
            <button type="button" hx-swap="none" hx-delete="${at}">Remove</button>`
        line.append(box), window.htmx?.process(box)
    }
    // Who is here is a list, and oneself is in it.
    const people = () => {
        const all = document.querySelectorAll('#presence:not([role]) bdi')
        if (all.length) $('presence').setAttribute('role', 'list')
        for (const person of all) {
            person.setAttribute('role', 'listitem')
            if (person.textContent === document.querySelector('main').dataset.name) person.classList.add('self')
        }
    }
    const arrange = () => {
        for (const line of document.querySelectorAll('.message:not([data-day])')) {
            if (!line.nextSibling && !$('outbox')) continue // It may be parsed by half.
            line.dataset.day = calendar.format(sent(line))
            // Out of the keyboard's way, which would have to pass fifty of them: a search leads there, too.
            stamp(line).tabIndex = -1
            // (No role: Pico's `:has([role=…])` would have the whole page styled anew for each of them.)
            line.querySelector('time').title = full.format(sent(line))
            // The colon is for who reads the list without styles, and so without this.
            const strong = Object.assign(line.querySelector('strong'), { translate: false })
            strong.textContent = line.dataset.name
            const main = document.querySelector('main')
            const own = line.classList.toggle('own', isOwn(line))
            const mention = !own && !line.matches('[data-removed]') && mentions(line, main.dataset.name)
            line.classList.toggle('mention', mention)
            const word = own ? ' (you)' : mention ? ' (mentions you)' : null
            if (word) strong.after(Object.assign(document.createElement('small'), { className: 'you', textContent: word }))
            if ((own || 'moderates' in main.dataset) && !line.matches('[data-removed]')) menu(line, own)
            relate(line)
            const below = beside(line, 'nextElementSibling')
            if (below?.dataset.day) relate(below)
        }
        people()
        for (const day of document.querySelectorAll('.day:not(:has(+ .message))')) day.remove()
        hold()
        hubbub.look?.() // It is loaded behind this, and may not be yet.
        observer.takeRecords() // What was done here needs no second look.
    }
    const observer = new MutationObserver(arrange)
    observer.observe(document, { childList: true, subtree: true, attributeFilter: ['aria-live'] })

    const atEnd = () => scroller().scrollTop > -8 // Laid out from the bottom: up is negative.
    // WebKit lets who scrolled up be pushed along by what comes below: there the end of a line in view
    // keeps its distance to the end of the list.
    const anchors = window.CSS?.supports('overflow-anchor', 'auto')
    let held = null
    const distance = (line) =>
        scroller().firstElementChild.getBoundingClientRect().bottom - line.getBoundingClientRect().bottom
    const hold = () => {
        if (anchors || !scroller()) return
        const more = held?.line.isConnected && !atEnd() ? distance(held.line) - held.distance : 0
        if (more) scroller().scrollTop -= more
        const { top } = scroller().getBoundingClientRect()
        const line = !atEnd() && lines().find((line) => line.getBoundingClientRect().bottom > top)
        held = line ? { line, distance: distance(line) } : null
    }
    // Of a long list the oldest go, where they are more than a screen above the view, and leave the
    // way to them: enough to scroll in, few enough for a phone.
    const [MOST, KEPT] = [500, 300]
    const trim = (all) => {
        if (all.length <= MOST) return
        const far = (line) => line.getBoundingClientRect().bottom < -innerHeight
        const first = all.find((line, place) => place === all.length - KEPT || !far(line))
        if (first === all[0]) return
        while (!first.previousElementSibling.matches('.empty')) first.previousElementSibling.remove()
        first.before($('older').content.cloneNode(true))
        const way = first.previousElementSibling.querySelector('a')
        const before = `?before=${first.dataset.key}`
        way.href = location.pathname + before
        way.setAttribute('hx-get', `${location.pathname.replace(/\/tabs\/.*/, '/messages')}${before}`)
        relate(first)
        htmx.process(way)
    }
    document.addEventListener('scroll', () => (hold(), hubbub.look?.()), true)
    // Quite at the end, to stay there: at a fraction of a pixel the browser would hold the place.
    document.addEventListener('scrollend', () => atEnd() && (scroller().scrollTop = 0), true)
    window.hubbub = { isOwn, lines, scroller, atEnd, anchors, trim }
})()
