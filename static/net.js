// Every request of the page goes through here, whoever makes it: htmx, its stream, or our scripts.

// What only a script shows stands in its place from here on.
for (const part of document.querySelectorAll('[data-scripted]')) part.outerHTML = part.dataset.scripted

// Under an address with credentials (https://user:pw@host/) relative ones carry them too, and a
// request to such an address throws. The origin has none, and the browser sends them by itself.
const absolute = (address) => /^\//.test(address) ? location.origin + address : address

// A comment is due on the stream every 15 s. A path that died without a word is silent for ever.
const SILENCE = 45_000
const watched = (response) => {
    let timer
    const start = (stream) => {
        clearTimeout(timer)
        timer = setTimeout(() => stream.error(new Error('The stream is silent.')), SILENCE)
    }
    const transform = (chunk, stream) => {
        start(stream)
        stream.enqueue(chunk)
    }
    return new Response(response.body.pipeThrough(new TransformStream({ start, transform })), response)
}

// One is not here any more, which no waiting heals; in words where joining again does not, either.
const NO_LINK = 'You cannot be in this room any more: the link that let you in has ended or was revoked.'
hubbub.gone = (words) => document.dispatchEvent(new CustomEvent('hubbub:gone', { detail: words }))

// The server marks its answers. What has no mark comes from something between, such as a sign-in
// page with status 200: that is an outage, and no content.
const ask = window.fetch
window.fetch = async (address, options) => {
    delete options?.headers?.['HX-Current-URL'] // Nobody needs it, and it may hold credentials.
    // Firefox lets a request wait for another one to the same address, to take its answer out of the
    // cache: that of a stream, which a twin of the tab has open, never ends.
    const response = await ask(absolute(address), { ...options, cache: 'no-store' })
    const mark = response.headers.get('Hubbub')
    if (response.ok && !mark) {
        response.body?.cancel().catch(() => {})
        throw Object.assign(new TypeError('Not an answer of hubbub.'), { foreign: true })
    }
    const isStream = /\/events\?/.test(address)
    if (mark === 'not_joined') hubbub.gone()
    if (isStream && mark === 'not_found') hubbub.gone(NO_LINK)
    if (isStream && mark === 'denied') hubbub.gone(await response.clone().text())
    return isStream && response.ok && window.TransformStream ? watched(response) : response
}

// A word that is sent though the page may be on its way out.
hubbub.beacon = (address, fields) => {
    const body = new URLSearchParams(fields)
    if (navigator.sendBeacon?.(absolute(address), body)) return
    window.fetch(address, { method: 'POST', body, keepalive: true }).catch(() => {})
}
