import { newUuidV7 } from '../../../app/domain/ids.ts';
import { Client, NoAnswer, type Reply } from '../../../verification/harness/client.ts';
import { majorUnits } from '../../../verification/load/answers.ts';
import { oneOf, type Population } from '../../../verification/load/population.ts';
import { keptOf, type Line, type TransferLine } from './lines.ts';
import { ATTEMPT_MS_MAX, CLIENTS, CONNECT_MS_MAX, FRESH_SHARE, READS_SHARE } from './settings.ts';

const CONNECTIONS_MAX = 1024;

export type Order = Pick<TransferLine, 'id' | 'source' | 'destination' | 'amount' | 'currency'> & { clients: Clients };
type Via = Line['via'];
/** The two ways in which one simulated client connects to the service. */
type Clients = Readonly<Record<Via, Client>>;

/** Sends requests to the service, each of which is recorded with its answer. */
export class Attempts implements Disposable {
  readonly #clients: readonly Clients[];
  readonly #population: Population;
  readonly #record: (line: Line) => void;
  #requests = 0;

  constructor(url: string, key: string, population: Population, record: (line: Line) => void) {
    const client = (keepAlive: boolean) =>
      new Client(() => [url], key, {
        timeoutMs: ATTEMPT_MS_MAX,
        connectMs: CONNECT_MS_MAX,
        connectionsMax: CONNECTIONS_MAX,
        keepAlive,
      });
    this.#clients = Array.from({ length: CLIENTS }, () => ({ kept: client(true), fresh: client(false) }));
    this.#population = population;
    this.#record = record;
  }

  /**
   * Makes a read, or the first attempt of a new transfer.
   * @returns the order of the transfer if it has no outcome yet
   */
  async any(): Promise<Order | null> {
    const via: Via = Math.random() < FRESH_SHARE ? 'fresh' : 'kept';
    if (Math.random() < READS_SHARE) {
      await this.#read(via, oneOf(this.#clients));
      return null;
    }
    const { source, destination, amount, currency } = this.#population.pick();
    const clients = oneOf(this.#clients);
    const order = { id: newUuidV7(Date.now()), source, destination, amount, currency, clients };
    return (await this.transfer(order, via)) ? null : order;
  }

  /** @returns whether the answer was an outcome */
  async transfer({ clients, ...order }: Order, via: Via): Promise<boolean> {
    const { id, source, destination, currency } = order;
    const amount = majorUnits(order.amount, currency);
    const body = { transactionId: id, sourceAccount: source, destinationAccount: destination, amount, currency };
    const correlationId = this.#newCorrelationId();
    const result = await this.#timed(clients[via], (client) => client.post('/v1/transfers', body, correlationId));
    this.#record({ kind: 'transfer', ...order, correlationId, via, ...result });
    return [200, 201, 422].includes(result.status);
  }

  async lookUp({ clients, ...order }: Order): Promise<void> {
    const result = await this.#timed(clients.fresh, (client) => client.get(`/v1/transfers/${order.id}`));
    this.#record({ kind: 'look-up', ...order, correlationId: '', via: 'fresh', ...result });
  }

  #newCorrelationId(): string {
    this.#requests += 1;
    return `request-${this.#requests}`;
  }

  async #read(via: Via, clients: Clients): Promise<void> {
    const { accountId, currency } = oneOf(this.#population.accounts);
    const result = await this.#timed(clients[via], (client) => client.get(`/v1/accounts/${accountId}/balance`));
    this.#record({ kind: 'read', accountId, currency, via, ...result });
  }

  async #timed(client: Client, send: (client: Client) => Promise<Reply>) {
    const sentAt = wallMs();
    try {
      const { status, body } = await send(client);
      return { sentAt, endedAt: wallMs(), status, body: keptOf(body) };
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      const { message, delivered } = error;
      return { sentAt, endedAt: wallMs(), status: 0, error: message, delivered };
    }
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.flatMap((one) => Object.values(one))) client[Symbol.dispose]();
  }
}

/** A monotonic clock that starts at the time of day. */
export const wallMs = (): number => performance.timeOrigin + performance.now();
