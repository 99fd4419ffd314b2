// The list of messages as its one reader sees it. A fragment is the same for all readers; what depends
// on who reads, and where, is put on it here. It stands in the head, so that the list is arranged
// while it is parsed, and nothing moves after the first paint.
(() => {
    const $ = (id) => document.getElementById(id)
    const lines = () => [...document.querySelectorAll('#messages > .message')]
    const scroller = () => document.querySelector('.scroller')
    // By what the server says, and never by what is shown: a translation changes that.
    const name = ({ dataset }) => `${dataset.name}\n${dataset.mark ?? ''}`
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
        line.querySelector('time').textContent = (short ? clock : dated).format(sent(line))
        const mark = line.previousElementSibling
        if (sameDay && mark?.matches('.day')) mark.remove()
        if (sameDay || mark?.matches('.day')) return
        const day = { className: 'day', textContent: line.dataset.day }
        line.before(Object.assign(document.createElement('p'), day))
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
    const arrange = () => {
        for (const line of document.querySelectorAll('.message:not([data-day])')) {
            if (!line.nextSibling && !$('outbox')) continue // It may be parsed by half.
            line.dataset.day = calendar.format(sent(line))
            line.querySelector('time').title = full.format(sent(line))
            // The colon is for who reads the list without styles, and so without this.
            const strong = Object.assign(line.querySelector('strong'), { translate: false })
            strong.textContent = line.dataset.name
            const main = document.querySelector('main')
            const own = line.classList.toggle('own', name(line) === name(main))
            if (own) strong.after(Object.assign(document.createElement('small'), { className: 'you', textContent: ' (you)' }))
            if ((own || 'moderates' in main.dataset) && !line.matches('[data-removed]')) menu(line, own)
            relate(line)
            const below = beside(line, 'nextElementSibling')
            if (below?.dataset.day) relate(below)
        }
        for (const day of document.querySelectorAll('.day:not(:has(+ .message))')) day.remove()
        hold()
        look()
        observer.takeRecords() // What was done here needs no second look.
    }
    const observer = new MutationObserver(arrange)
    observer.observe(document, { childList: true, subtree: true, attributeFilter: ['aria-live'] })

    // New is what came since the end of the list was last before somebody's eyes. While the page
    // catches up (its list announces nothing), that end stays where it was, so that the reader is
    // shown the first message that was missed, and not the last.
    let seen, title, wasBehind
    const seq = (line) => Number(line.id.slice(1))
    const unread = (all) => all.filter((line) => seq(line) > seen && !line.matches('.own'))
    // What was put there before is left alone, whatever a translation has made of it.
    const put = (where, text) => {
        if (where.said === text) return
        where.textContent = where.said = text
    }
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
    const look = () => {
        if (!$('newest')) return // It is parsed still.
        title ??= document.title
        const all = lines()
        const behind = document.querySelector('.log').getAttribute('aria-live') === 'off'
        if (wasBehind && !behind && atEnd()) unread(all)[0]?.scrollIntoView({ block: 'start' })
        wasBehind = behind
        const end = all.length ? seq(all.at(-1)) : 0
        const foreign = all.length && !(end >= seen) // Another journal counts anew.
        if (foreign || (!document.hidden && !behind && atEnd())) seen = end
        $('messages').dataset.seen = seen ?? 0 // For `rooms.js`.
        const number = unread(all).length
        put(document.querySelector('title'), number ? `(${number}) ${title}` : title)
        $('newest').hidden = !number
        put($('newest'), `${number} new message${number === 1 ? '' : 's'}`)
        if (all.length > MOST) trim(all)
    }
    document.addEventListener('scroll', () => (hold(), look()), true)
    document.addEventListener('visibilitychange', look)
    // Quite at the end, to stay there: at a fraction of a pixel the browser would hold the place.
    document.addEventListener('scrollend', () => atEnd() && (scroller().scrollTop = 0), true)
    document.addEventListener('click', ({ target }) => {
        if (target.id !== 'newest') return
        const still = !anchors || matchMedia('(prefers-reduced-motion: reduce)').matches
        scroller().scrollTo({ top: 0, behavior: still ? 'instant' : 'smooth' })
        $('text').focus()
    })

    // Of a long list the oldest go, where they are more than a screen above the view, and leave the
    // way to them: enough to scroll in, few enough for a phone.
    const [MOST, KEPT] = [500, 300]
    const trim = (all) => {
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
})()
