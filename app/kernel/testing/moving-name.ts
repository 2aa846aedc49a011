import dns from 'node:dns';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { until } from './until.ts';

/** One address under which a server can be reached. It forwards everything until `fallSilent` is called. */
class Address {
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #silent = false;
  /** Connections that clients have opened here. */
  opened = 0;
  /** Requests of clients that were not forwarded. */
  unanswered = 0;

  constructor(host: string, targetPort: number) {
    this.host = host;
    this.#server = createServer((client) => {
      this.opened += 1;
      const target = connect(targetPort, '127.0.0.1');
      for (const [from, to] of [
        [client, target],
        [target, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (bytes) => {
          if (!this.#silent) to.write(bytes);
          else if (from === client) this.unanswered += 1;
        });
        from.on('close', () => void (this.#silent || to.destroy()));
        from.on('error', () => {});
      }
    });
  }

  async listen(port: number): Promise<number> {
    this.#server.listen(port, this.host);
    await until('it listens', () => this.#server.listening);
    return (this.#server.address() as { port: number }).port;
  }

  /**
   * From now on, nothing is forwarded in either direction, and neither side is notified, as if the machine had
   * vanished.
   */
  fallSilent(): void {
    this.#silent = true;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/**
 * A host name that resolves to one of two addresses, as the endpoint of a managed store does before and after a
 * failover.
 */
export class MovingName {
  readonly host = 'store.holdfast.test';
  readonly port: number;
  readonly before: Address;
  readonly after: Address;
  #now: Address;
  readonly #lookup = dns.lookup;

  private constructor(port: number, before: Address, after: Address) {
    this.port = port;
    this.before = before;
    this.after = after;
    this.#now = before;
    const resolve = (host: string, options: unknown, done: (...found: unknown[]) => void) => {
      if (host !== this.host) return this.#lookup(host, options as dns.LookupAllOptions, done);
      const address = { address: this.#now.host, family: 4 };
      if ((options as { all?: boolean }).all) done(null, [address]);
      else done(null, address.address, address.family);
    };
    dns.lookup = resolve as typeof dns.lookup;
  }

  static async of(portBefore: number, portAfter: number): Promise<MovingName> {
    const before = new Address('127.0.0.1', portBefore);
    const after = new Address('127.0.0.2', portAfter);
    const port = await before.listen(0);
    await after.listen(port);
    return new MovingName(port, before, after);
  }

  move(): void {
    this.#now = this.after;
  }

  close(): void {
    dns.lookup = this.#lookup;
    this.before.close();
    this.after.close();
  }
}
