// Node's own fetch, and lines of JSON.
const room = 'http://localhost:3000/rooms/lobby'
let last
for (;;) {
  try {
    const headers = last ? { 'Last-Event-ID': last } : {}
    const answer = await fetch(`${room}/events?format=ndjson`, { headers })
    if (!answer.ok) throw new Error(answer.statusText)
    let rest = ''
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines.filter(Boolean)) {
        const message = JSON.parse(line)
        if (!message.id) continue // {"gap": how many are gone}
        console.log(`${message.name}: ${message.text}`)
        last = message.id
      }
    }
  } catch (why) {
    console.error(why)
  }
  await new Promise((resume) => setTimeout(resume, 1000))
}
