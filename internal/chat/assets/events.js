// Server-sent events over fetch: EventSource would connect again by itself,
// and could not say why it was refused.

// events gives each event of a response as [name, value].
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const event = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end));
      text = text.slice(end + 2);
      if (event) yield [event[1], JSON.parse(event[2])];
    }
  }
}
