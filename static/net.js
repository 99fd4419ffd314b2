// Every request of the page goes through here, whoever makes it: htmx, its stream, or our scripts.
(() => {
    // What only a script shows stands in its place from here on.
    for (const part of document.querySelectorAll('[data-scripted]')) part.outerHTML = part.dataset.scripted

    // A comment is due on the stream every 15 s. A path that died without a word is silent for ever.
    const SILENCE = 45_000
    const ask = window.fetch

    // Under an address with credentials (https://user:pw@host/) relative ones carry them too, and a
    // request to such an address throws. The origin has none, and the browser sends them by itself.
    const absolute = (address) => {
        const url = new URL(address, location.origin)
        url.username = url.password = ''
        return url.href
    }

    const awake = (response) => {
        const reader = response.body.getReader()
        const body = new ReadableStream({
            async pull(controller) {
                let timer
                const silence = new Promise((_, fail) => {
                    timer = setTimeout(() => fail(new Error('The stream is silent.')), SILENCE)
                })
                try {
                    const { done, value } = await Promise.race([reader.read(), silence])
                    if (done) controller.close()
                    else controller.enqueue(value)
                } catch (why) {
                    controller.error(why)
                    reader.cancel().catch(() => {})
                } finally {
                    clearTimeout(timer)
                }
            },
            cancel: (why) => reader.cancel(why),
        }, { highWaterMark: 0 })
        return new Response(body, { status: response.status, headers: response.headers })
    }

    // The server marks its answers. What has no mark comes from something between, such as a sign-in
    // page with status 200: that is an outage, and no content.
    window.fetch = async (address, options) => {
        // Firefox lets a request wait for another one to the same address, to take its answer out of the
        // cache: that of a stream, which a twin of the tab has open, never ends.
        const response = await ask(absolute(address), { ...options, cache: 'no-store' })
        const mark = response.headers.get('Hubbub')
        if (response.ok && !mark) {
            response.body?.cancel().catch(() => {})
            throw Object.assign(new TypeError('Not an answer of hubbub.'), { foreign: true })
        }
        if (mark === 'not_joined') document.dispatchEvent(new Event('hubbub:gone'))
        // One may not be here any more, and no waiting heals that either.
        if (/\/events\?/.test(address) && ['denied', 'not_found'].includes(mark)) {
            const why = mark === 'denied' ? await response.clone().text() : null
            document.dispatchEvent(new CustomEvent('hubbub:gone', { detail: { why } }))
        }
        const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream')
        return isStream && response.ok ? awake(response) : response
    }

    // A word that is sent though the page may be on its way out.
    const beacon = (address, fields) => {
        const body = new URLSearchParams(fields)
        if (navigator.sendBeacon?.(absolute(address), body)) return
        window.fetch(address, { method: 'POST', body, keepalive: true }).catch(() => {})
    }

    // What outlives the page, where the browser lets it: blocked, even a look at it throws.
    const shelf = (store) => ({
        get(key) {
            try {
                return JSON.parse(window[store].getItem(key))
            } catch {
                return null
            }
        },
        set(key, value) {
            try {
                if (value === null) window[store].removeItem(key)
                else window[store].setItem(key, JSON.stringify(value))
            } catch { /* Then it does not outlive the page. */ }
        },
    })
    Object.assign(hubbub, { beacon, tab: shelf('sessionStorage'), browser: shelf('localStorage') })
})()
