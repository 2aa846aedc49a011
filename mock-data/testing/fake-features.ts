import { member } from '../client.ts';
import type { GroupLine, HoldLine, SplitLine, TransferBody } from '../lines.ts';
import { toDecimal, toMinor } from '../money.ts';
import type { FakeAccount } from './fake-service.ts';

export interface FakeHold {
  body: HoldLine['body'];
  status: 'OPEN' | 'CAPTURED' | 'VOIDED';
  amount: bigint;
  captured: bigint;
  revision: number;
}

interface FakeLedger {
  readonly accounts: ReadonlyMap<string, FakeAccount>;
  readonly outcomes: Map<string, Record<string, unknown>>;
  readonly posted: TransferBody[];
  decide(transfer: TransferBody, released?: bigint | null): Record<string, unknown>;
}

type Answered = [status: number, body: Record<string, unknown>];

/** Holds, groups and splits of the fake service, as far as the mock data uses them. */
export class FakeFeatures {
  readonly holds = new Map<string, FakeHold>();
  /** The account of each hold event that adds a version; captures are left out, because they are transfers. */
  readonly holdEvents: { holdId: string; account: string; version: number }[] = [];
  private readonly ledger: FakeLedger;
  private readonly groups = new Map<string, Answered>();

  constructor(ledger: FakeLedger) {
    this.ledger = ledger;
  }

  /** @returns null if the request is not about a hold, a group or a split */
  answer(method: string, path: string, body: unknown): Answered | null {
    const [, , kind, id = '', action] = path.split('/');
    if (kind === 'transfers' && (id === 'group' || id === 'split')) {
      if (method === 'GET') return [200, { persisted: true }];
      return this.once(id === 'group' ? groupOf(body as GroupLine['body']) : groupOfSplit(body as SplitLine['body']));
    }
    if (kind !== 'holds') return null;
    if (id === '') return this.place(body as HoldLine['body']);
    const hold = this.holds.get(id);
    if (hold === undefined) return [404, { code: 'hold_not_found' }];
    if (method === 'PATCH') return this.raise(hold, String(member(body, 'amount')));
    if (action === 'capture') return this.capture(hold, body as { transactionId: string; amount: string });
    return action === 'void' ? this.void(hold) : [200, { ...stateOf(hold), persisted: true }];
  }

  private once(group: { groupId: string; transfers: TransferBody[]; more: Record<string, unknown> }): Answered {
    const known = this.groups.get(group.groupId);
    if (known !== undefined) return known[0] === 201 ? [200, { ...known[1], replayed: true }] : known;
    const before = [...new Set(group.transfers.flatMap((one) => [one.sourceAccount, one.destinationAccount]))].map(
      (id) => [this.ledger.accounts.get(id), { ...this.ledger.accounts.get(id) }] as const,
    );
    const results = group.transfers.map((transfer) => this.ledger.decide(transfer));
    const index = results.findIndex(({ status }) => status !== 201);
    const answered: Answered =
      index < 0
        ? [201, { transfers: results, ...group.more }]
        : [422, { code: 'group_refused', index, refusal: results[index]?.['code'] }];
    if (index >= 0) {
      for (const [account, old] of before) Object.assign(account ?? {}, old);
      const undone = results.filter(({ status }) => status === 201).length;
      this.ledger.posted.splice(this.ledger.posted.length - undone, undone);
    }
    this.groups.set(group.groupId, answered);
    return answered;
  }

  private place(body: HoldLine['body']): Answered {
    const known = this.holds.get(body.holdId);
    if (known !== undefined) return [200, stateOf(known)];
    const account = this.accountOf(body.account);
    const amount = toMinor(body.amount, body.currency);
    const overdraft = toMinor(account.body.overdraftLimit ?? '0', body.currency);
    if (account.balance - account.held + overdraft < amount) return [422, { code: 'insufficient_funds' }];
    const hold: FakeHold = { body, status: 'OPEN', amount, captured: 0n, revision: 0 };
    this.holds.set(body.holdId, hold);
    return this.event(hold, amount, 201);
  }

  private raise(hold: FakeHold, amount: string): Answered {
    if (hold.revision !== 1) return [412, { code: 'hold_changed' }];
    const raised = toMinor(amount, hold.body.currency);
    const change = raised - hold.amount;
    hold.amount = raised;
    return this.event(hold, change);
  }

  private void(hold: FakeHold): Answered {
    if (hold.status === 'VOIDED') return [200, stateOf(hold)];
    if (hold.status !== 'OPEN') return [422, { code: 'hold_not_open' }];
    hold.status = 'VOIDED';
    return this.event(hold, hold.captured - hold.amount);
  }

  private capture(hold: FakeHold, { transactionId, amount }: { transactionId: string; amount: string }): Answered {
    const known = this.ledger.outcomes.get(transactionId);
    if (known !== undefined) return [200, known];
    if (hold.status !== 'OPEN') return [422, { code: 'hold_not_open' }];
    const { account: sourceAccount, destinationAccount, currency, reference } = hold.body;
    const transfer = { transactionId, sourceAccount, destinationAccount, amount, currency, reference, timestamp: '' };
    const outcome = this.ledger.decide(transfer, hold.amount);
    this.ledger.outcomes.set(transactionId, outcome);
    if (outcome['status'] !== 201) return [422, outcome];
    hold.status = 'CAPTURED';
    hold.captured = toMinor(amount, currency);
    hold.revision++;
    return [201, outcome];
  }

  private event(hold: FakeHold, change: bigint, status = 200): Answered {
    const account = this.accountOf(hold.body.account);
    account.held += change;
    account.version++;
    hold.revision++;
    this.holdEvents.push({ holdId: hold.body.holdId, account: hold.body.account, version: account.version });
    return [status, stateOf(hold)];
  }

  private accountOf(id: string): FakeAccount {
    const account = this.ledger.accounts.get(id);
    if (account === undefined) throw new Error(`no account ${id}`);
    return account;
  }
}

const stateOf = ({ body, status, amount, revision }: FakeHold) => ({
  holdId: body.holdId,
  status,
  amount: toDecimal(amount, body.currency),
  revision,
});

const memberOf = (groupId: string, index: number) => ({ transactionId: `${groupId}:${index}` });

const groupOf = ({ groupId, transfers }: GroupLine['body']) => ({
  groupId,
  transfers: transfers.map((transfer, index) => ({ ...transfer, ...memberOf(groupId, index) })),
  more: {},
});

/** Equal shares only; the remaining minor units are assigned one by one, until none is left. */
function groupOfSplit({ groupId, destinations, amount, ...common }: SplitLine['body']) {
  const parts = destinations.map(() => 0n);
  const total = toMinor(amount, common.currency);
  for (let unit = 0; unit < Number(total); unit++) parts[unit % parts.length] = (parts[unit % parts.length] ?? 0n) + 1n;
  const amounts = parts.map((part) => toDecimal(part, common.currency));
  return {
    groupId,
    transfers: destinations.map(({ account: destinationAccount }, index) => ({
      ...common,
      destinationAccount,
      amount: amounts[index] ?? '',
      ...memberOf(groupId, index),
    })),
    more: { destinations: destinations.map(({ account }, index) => ({ account, amount: amounts[index] })) },
  };
}
