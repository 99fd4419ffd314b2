// The list of messages as its one reader sees it. A fragment is the same for all readers; what depends
// on who reads, and where, is put on it here. It stands in the head, so that the list is arranged
// while it is parsed, and nothing moves after the first paint.
(() => {
    const $ = (id) => document.getElementById(id)
    const lines = () => [...document.querySelectorAll('#messages > .message')]
    const scroller = () => document.querySelector('.scroller')
    // By what the server says, and never by what is shown: a translation changes that.
    const who = ({ dataset }) => `${dataset.name}\n${dataset.mark ?? ''}`
    const isOwn = (line) => who(line) === who(document.querySelector('main'))
    const stamp = (line) => line.querySelector('time a') ?? line.querySelector('time')
    const sent = (line) => new Date(line.querySelector('time').dateTime)
    const room = location.pathname.replace(/\/tabs\/.*/, '')
    const element = (name, properties) => Object.assign(document.createElement(name), properties)
    const seq = (line) => Number(line.id.slice(1))
    const beside = (line, to) => {
        do line = line[to]
        while (line?.matches('.day'))
        return line?.matches('.message') ? line : null
    }

    // Own messages, runs of one person, times and days of the reader's own clock.
    const RUN = 5 * 60_000 // After a longer pause the name stands there again.
    const [hour, minute] = ['2-digit', '2-digit']
    const format = (options) => window.Intl ? new Intl.DateTimeFormat([], options)
        : { format: (date) => date.toLocaleString([], options) }
    const clock = format({ hour, minute })
    const dated = format({ day: 'numeric', month: 'short', hour, minute })
    const full = format({ dateStyle: 'full', timeStyle: 'medium' })
    const calendar = format({ dateStyle: 'full' })
    const relate = (line) => {
        const waits = line.matches('#outbox > :first-child')
        const above = waits ? lines().at(-1) : beside(line, 'previousElementSibling')
        const sameDay = above?.dataset.day === line.dataset.day
        const run = sameDay && who(above) === who(line) && sent(line) - sent(above) < RUN
        line.classList.toggle('run', run)
        // An older one has its day with it, and what follows on it has that from there.
        const short = run || line.dataset.day === calendar.format(new Date())
        stamp(line).textContent = (short ? clock : dated).format(sent(line))
        if (line.previousElementSibling?.matches('.day')) line.previousElementSibling.remove()
        if (!sameDay) line.before(element('p', { className: 'day', textContent: line.dataset.day }))
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
        const at = `${room}/messages/${line.dataset.key}`
        const [epoch, seq] = line.dataset.key.split('-')
        const past = `${room}/moderate?before=${epoch}-${Number(seq) + 1}#m${seq}` // It is the first there.
        const [page, word] = own ? [at, 'Edit'] : [past, 'Moderate']
        line.insertAdjacentHTML('beforeend', `<details class="menu">
            <summary aria-label="${word} or remove">⋯</summary><div><a href="${page}">${word}</a>
            <button type="button" hx-swap="none" hx-delete="${at}">Remove</button></div></details>`)
        window.htmx?.process(line.lastElementChild)
    }
    // Who is here is a list, and oneself is in it.
    const people = () => {
        for (const person of document.querySelectorAll('#presence bdi:not([role])')) {
            $('presence').setAttribute('role', 'list')
            person.setAttribute('role', 'listitem')
            person.classList.toggle('self', person.textContent === document.querySelector('main').dataset.name)
        }
    }
    const arrange = () => {
        for (const line of document.querySelectorAll('.message:not([data-day])')) {
            if (!line.nextSibling && !$('outbox')) continue // It may be parsed by half.
            line.dataset.day = calendar.format(sent(line))
            // Out of the keyboard's way, which would have to pass fifty of them: a search leads there, too.
            stamp(line).tabIndex = -1
            line.setAttribute('role', 'article') // For those who go from one to the next by ear.
            line.querySelector('time').title = full.format(sent(line))
            // The colon is for who reads the list without styles, and so without this.
            const strong = line.querySelector('strong')
            Object.assign(strong, { translate: false, textContent: line.dataset.name })
            const main = document.querySelector('main')
            const own = line.classList.toggle('own', isOwn(line))
            const mention = !own && !line.matches('[data-removed]') && mentions(line, main.dataset.name)
            line.classList.toggle('mention', mention)
            const word = own ? ' (you)' : mention ? ' (mentions you)' : null
            if (word) strong.after(element('small', { className: 'you', textContent: word }))
            if ((own || 'moderates' in main.dataset) && !line.matches('[data-removed]')) menu(line, own)
            // Where one left off stands there before the first paint; `unread.js` goes on with it.
            const unread = document.readyState === 'loading' && !own && seq(line) > $('messages').dataset.seen
            if (unread && !document.querySelector('.message.unread')) line.classList.add('unread')
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
        first.insertAdjacentHTML('beforebegin', $('older').innerHTML.replaceAll('{key}', first.dataset.key))
        htmx.process(first.previousElementSibling)
        relate(first)
    }
    document.addEventListener('scroll', () => (hold(), hubbub.look?.()), true)
    // Quite at the end, to stay there: at a fraction of a pixel the browser would hold the place.
    document.addEventListener('scrollend', () => atEnd() && (scroller().scrollTop = 0), true)
    window.hubbub = { $, room, who, seq, isOwn, lines, scroller, atEnd, anchors, trim }
})()
