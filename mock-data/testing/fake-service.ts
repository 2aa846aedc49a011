import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { member } from '../client.ts';
import type { AccountBody, TransferBody } from '../lines.ts';
import { toDecimal, toMinor } from '../money.ts';
import { FakeFeatures } from './fake-features.ts';

/**
 * A failure on purpose. `drop` carries out the request and then cuts the connection; `items` omits every third item;
 * `unrecorded` does not record the batch.
 */
export type Fault = 'none' | 'drop' | 'refuse' | 'items' | 'unrecorded' | { status: number; retryAfter?: string };

export interface FakeAccount {
  body: AccountBody;
  balance: bigint;
  held: bigint;
  version: number;
  status: string;
}

/**
 * Implements the contract in memory, as far as the mock data uses it, behind a real HTTP server: the rules of a
 * transfer, one outcome per id, and failures on demand. Several servers can share one ledger, like several pods.
 */
export class FakeService implements AsyncDisposable {
  readonly accounts = new Map<string, FakeAccount>();
  readonly outcomes = new Map<string, Record<string, unknown>>();
  /** The posted transfers, as they were requested. */
  readonly posted: TransferBody[] = [];
  readonly features = new FakeFeatures(this);
  /** The ids of each transfers request, in order of arrival. */
  readonly requests: string[][] = [];
  readonly batchIds = new Set<string>();
  /** Determines the fault of each batch request by its number, from 0. */
  faults: (request: number) => Fault = () => 'none';
  /** The same for requests about one hold, group or split. */
  singleFaults: (request: number) => 'none' | 'drop' = () => 'none';
  private singles = 0;
  delayMs: () => number = () => 0;
  /** Called before the service reports a transfer as persisted. */
  persist: () => Promise<void> = async () => {};
  private readonly servers: Server[] = [];

  /** Starts another pod and returns its base URL. */
  async listen(): Promise<string> {
    const server = createServer((request, response) => void this.serve(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.servers.push(server);
    return `http://127.0.0.1:${String(member(server.address(), 'port'))}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body: unknown = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const path = request.url ?? '';
    if (request.method === 'GET' && /^\/v1\/(transfers|holds)\//.test(path)) await this.persist();
    if (path !== '/v1/transfers/batch') {
      const [status, answered] = this.other(request.method ?? '', path, body);
      if (!path.startsWith('/v1/holds') && !/^\/v1\/transfers\/(group|split)$/.test(path))
        return answer(response, status, answered);
      return answerWith(request, response, this.singleFaults(this.singles++), [status, answered]);
    }
    const transfers = member(body, 'transfers') as TransferBody[];
    const fault = this.faults(this.requests.length);
    this.requests.push(transfers.map(({ transactionId }) => transactionId));
    if (fault === 'refuse') return void request.socket.destroy();
    if (typeof fault === 'object') {
      const headers = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
      return answer(response, fault.status, { status: fault.status, code: 'backlog_full' }, headers);
    }
    const results = transfers.map((transfer, index) =>
      fault === 'items' && index % 3 === 1 ? { status: 503, code: 'account_unsettled' } : this.apply(transfer),
    );
    await new Promise((resolve) => setTimeout(resolve, this.delayMs()));
    if (fault === 'drop') return void request.socket.destroy();
    const batchId = member(body, 'batchId');
    if (typeof batchId === 'string') this.batchIds.add(batchId);
    const recorded = fault !== 'unrecorded';
    const batch = { batchId, recorded, ...(!recorded && { reason: 'database_unavailable' }) };
    answer(response, 200, { results, ...(batchId !== undefined && { batch }) });
  }

  private other(method: string, path: string, body: unknown): [status: number, body: unknown] {
    if (path === '/v1/accounts/batch') {
      return [200, { results: (member(body, 'accounts') as AccountBody[]).map((account) => this.open(account)) }];
    }
    if (path === '/v1/balances/query') {
      const ids = member(body, 'accountIds') as string[];
      return [200, { items: ids.flatMap((id) => this.balanceOf(id)), missing: [] }];
    }
    if (path === '/readyz') return [200, {}];
    const featured = this.features.answer(method, path, body);
    if (featured !== null) return featured;
    const [, , kind, id = ''] = path.split('/');
    if (kind === 'transfers') return [200, { persisted: this.outcomes.has(id) }];
    const account = this.accounts.get(id);
    if (account === undefined) return [404, { code: 'account_not_found' }];
    if (method === 'PATCH') account.status = String(member(body, 'status'));
    return [200, { status: account.status }];
  }

  private open(body: AccountBody): Record<string, unknown> {
    const known = this.accounts.get(body.accountId);
    if (known !== undefined) return { status: JSON.stringify(known.body) === JSON.stringify(body) ? 200 : 409 };
    this.accounts.set(body.accountId, { body, balance: 0n, held: 0n, version: 0, status: 'ACTIVE' });
    return { status: 201 };
  }

  private balanceOf(id: string): unknown[] {
    const account = this.accounts.get(id);
    if (account === undefined) return [];
    const { currency } = account.body;
    const { balance, held, version } = account;
    const amounts = { balance: toDecimal(balance, currency), held: toDecimal(held, currency) };
    return [{ accountId: id, currency, ...amounts, version }];
  }

  apply(transfer: TransferBody): Record<string, unknown> {
    const known = this.outcomes.get(transfer.transactionId);
    if (known !== undefined) return known['status'] === 201 ? { ...known, status: 200, replayed: true } : known;
    const outcome = this.decide(transfer);
    // 404 is not an outcome: the same id may succeed once the account exists.
    if (outcome['status'] !== 404) this.outcomes.set(transfer.transactionId, outcome);
    return outcome;
  }

  /** @param released the amount that a capture takes out of a hold */
  decide(transfer: TransferBody, released: bigint | null = null): Record<string, unknown> {
    const source = this.accounts.get(transfer.sourceAccount);
    const destination = this.accounts.get(transfer.destinationAccount);
    if (source === undefined || destination === undefined) return { status: 404, code: 'account_not_found' };
    const { currency } = transfer;
    const refused = (code: string) => ({ status: 422, code });
    for (const { status } of [source, destination]) {
      if (status === 'CLOSED' || status === 'FROZEN') return refused(`account_${status.toLowerCase()}`);
    }
    if (source.status === 'SUSPENDED') return refused('account_suspended');
    if (source.body.currency !== currency || destination.body.currency !== currency)
      return refused('currency_mismatch');
    const amount = toMinor(transfer.amount, currency);
    const limit = toMinor(source.body.overdraftLimit ?? '0', currency);
    if (released === null && source.body.external !== true && source.balance - source.held + limit < amount)
      return refused('insufficient_funds');
    if (exceedsLimit(source, destination, amount)) return refused('limit_exceeded');
    source.held -= released ?? 0n;
    source.balance -= amount;
    destination.balance += amount;
    this.posted.push(transfer);
    source.version++;
    destination.version++;
    return {
      status: 201,
      sourceBalance: toDecimal(source.balance, currency),
      sourceVersion: source.version,
      destinationBalance: toDecimal(destination.balance, currency),
      destinationVersion: destination.version,
    };
  }
}

function exceedsLimit(source: FakeAccount, destination: FakeAccount, amount: bigint): boolean {
  const { currency } = source.body;
  const transferMax = source.body.limits?.transferMax;
  const balanceMax = destination.body.limits?.balanceMax;
  return (
    (transferMax !== undefined && amount > toMinor(transferMax, currency)) ||
    (balanceMax !== undefined && destination.balance + amount > toMinor(balanceMax, currency))
  );
}

function answerWith(
  request: IncomingMessage,
  response: ServerResponse,
  fault: 'none' | 'drop',
  [status, body]: [status: number, body: unknown],
): void {
  if (fault === 'drop') request.socket.destroy();
  else answer(response, status, body);
}

function answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
