/** Sends a probe, by HTTP over connections kept alive or as bytes over a socket of its own, and reads what is answered. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import type { Probe } from './probes.ts';

export interface Answer {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Wire {
  /** Every answer that came: more than one to bytes that hold several requests. @throws when none came, or too late. */
  send(probe: Probe): Promise<readonly Answer[]>;
  close(): void;
}

const ANSWER_MS = 40_000;
const TRIES = 3;

export function openWire(port: number, connections: number): Wire {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    send: (probe) =>
      probe.bytes === undefined
        ? insist((fresh) => ask(probe, port, fresh ? undefined : agent))
        : sendBytes(probe.bytes, port),
    close: () => agent.destroy(),
  };
}

/** A connection that was kept alive may be closed by the server in the moment in which it is used: another is tried then. */
async function insist(attempt: (fresh: boolean) => Promise<Answer>): Promise<readonly Answer[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      return [await attempt(tries > 1)];
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}

async function ask(
  { method, path, headers, body }: Probe,
  port: number,
  agent: Agent | undefined,
): Promise<Answer> {
  const content = Buffer.from((body ?? '') as string); // a Buffer is taken too
  const isSilent = body === undefined && !['POST', 'PUT', 'PATCH'].includes(method);
  const all = [
    ['host', `127.0.0.1:${port}`],
    ...headers,
    ...(isSilent ? [] : [['content-length', String(content.length)]]),
  ];
  const sent = request({
    ...{ host: '127.0.0.1', port, method, path, agent: agent ?? false },
    headers: all.flat(),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  sent.end(isSilent ? undefined : content);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return {
    status: response.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
    ),
    body: Buffer.concat(chunks).toString(),
  };
}

/** The server ends the connection: our half is closed as soon as all is sent. */
async function sendBytes(bytes: string | Buffer, port: number): Promise<readonly Answer[]> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined); // it may be reset with or without an answer: what has come counts
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => {
    throw new Error('the connection was not closed');
  });
  socket.once('end', () => socket.end());
  socket.end(bytes);
  try {
    await closed;
  } finally {
    socket.destroy();
  }
  return answersIn(Buffer.concat(chunks));
}

/** Reads answers one behind the other, each with its length; a last one without runs to the end. */
function answersIn(bytes: Buffer): Answer[] {
  const answers: Answer[] = [];
  let rest = bytes.toString('latin1');
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    const [start = '', ...lines] = rest.slice(0, end < 0 ? rest.length : end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const status = Number(/^HTTP\/1\.1 (\d{3})\b/.exec(start)?.[1] ?? 0);
    const content = end < 0 ? '' : rest.slice(end + 4);
    const length = status < 200 ? 0 : Number(headers['content-length'] ?? content.length);
    if (status >= 200 || status === 0)
      answers.push({ status, headers, body: Buffer.from(content.slice(0, length), 'latin1').toString() });
    rest = content.slice(length);
  }
  return answers;
}
