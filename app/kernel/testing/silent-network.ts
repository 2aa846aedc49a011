import { connect, createServer, type Server, type Socket } from 'node:net';
import { until } from './until.ts';

/**
 * A proxy in front of MySQL that stalls once the client sends a given statement: from then on it holds back everything the
 * client sends until `deliver` is called. MySQL does not notice when the client disconnects.
 */
export class SilentNetwork {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  #kept: (() => void)[] = [];

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async before(mysqlUrl: string, statement: string): Promise<SilentNetwork> {
    const url = new URL(mysqlUrl);
    const target = { host: url.hostname, port: Number(url.port) };
    // Data that is still in flight from a disconnected client is held back, too.
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await until('it listens', () => server.listening);
    url.port = String((server.address() as { port: number }).port);
    const network = new SilentNetwork(server, url.href);
    server.on('connection', (client) => network.#join(client, connect(target), statement));
    return network;
  }

  #join(client: Socket, mysql: Socket, statement: string): void {
    this.#sockets.push(client, mysql);
    // MySQL gets an explicit count of zero query attributes before each statement; MariaDB does not support them.
    const words = [`\x03${statement}`, `\x03\x00\x01${statement}`];
    let silent = false;
    client.on('data', (bytes) => {
      silent ||= words.some((word) => bytes.includes(word));
      const pass = () => mysql.write(bytes);
      if (silent) this.#kept.push(pass);
      else pass();
    });
    mysql.on('data', (bytes) => client.write(bytes));
    for (const socket of [client, mysql]) socket.on('error', () => {});
  }

  deliver(): void {
    for (const pass of this.#kept) pass();
    this.#kept = [];
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
