const token = new URLSearchParams(location.search).get("token") ?? "";

export const address = (path: string) => `${path}?token=${encodeURIComponent(token)}`;

export async function ask<T>(path: string, method = "GET"): Promise<T> {
  const answer = await fetch(address(path), { method });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// A connection that is made again when it breaks: the server keeps the run, so the page goes on where it is.
export function connect(
  heard: (message: { kind: string } & Record<string, unknown>) => void,
  state: (open: boolean, refused: string) => void,
): (command: Record<string, unknown>) => void {
  let socket: WebSocket;
  const open = () => {
    socket = new WebSocket(`ws://${location.host}${address("/ws")}`);
    socket.onopen = () => state(true, "");
    socket.onmessage = (event) => heard(JSON.parse(event.data));
    socket.onclose = async () => {
      // A server that answers, but not to this token, is another one: trying on would not help.
      const refused = await fetch(address("/api/offered")).then(
        (answer) => (answer.status === 403 ? answer.text() : ""),
        () => "",
      );
      state(false, refused.trim());
      setTimeout(open, refused ? 5000 : 1000);
    };
  };
  open();
  return (command) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(command));
  };
}
