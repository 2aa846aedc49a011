import { beforeEach, describe, expect, it } from 'vitest';
import { check } from './check.ts';
import { withoutGivenUp } from './given-up.ts';
import type {
  Answer,
  FinalState,
  History,
  LedgerPosition,
  LedgerTransfer,
  Position,
  TransferHistory,
} from './history.ts';

const at = (balance: number, version: number): Position => ({ balance, version });
const posting = (balance: number, version: number, settingsVersion = 1): LedgerPosition => ({
  ...at(balance, version),
  settingsVersion,
});
const posted = (source: Position, destination: Position): Answer & { kind: 'posted' } => ({
  kind: 'posted',
  source,
  destination,
  replayed: false,
});
const unknown: Answer = { kind: 'unknown', reason: 'socket hang up' };
const refused = (status: number): Answer => ({ kind: 'refused', status, code: 'some_code' });

let history: History;
let final: FinalState;

function transfer(transactionId: string): TransferHistory {
  const found = history.transfers.find((one) => one.transactionId === transactionId);
  if (!found) throw new Error(transactionId);
  return found;
}
function row(transactionId: string): LedgerTransfer {
  const found = final.transfers.find((one) => one.transactionId === transactionId);
  if (!found) throw new Error(transactionId);
  return found;
}

/** world → a 100 (t1), a → b 30 (t2), b → a 40 refused (t3), a read of a; all of it right. */
beforeEach(() => {
  const EUR = 'EUR';
  const t1 = { source: 'world', destination: 'a', amount: 100, currency: EUR };
  const t2 = { source: 'a', destination: 'b', amount: 30, currency: EUR };
  const t3 = { source: 'b', destination: 'a', amount: 40, currency: EUR };
  history = {
    accounts: [
      { accountId: 'world', currency: EUR, overdraftLimit: 0, external: true },
      { accountId: 'a', currency: EUR, overdraftLimit: 0, external: false },
      { accountId: 'b', currency: EUR, overdraftLimit: 0, external: false },
    ],
    transfers: [
      {
        transactionId: 't1',
        content: t1,
        attempts: [{ sentAt: 0, endedAt: 1, answer: posted(at(-100, 1), at(100, 1)) }],
      },
      {
        transactionId: 't2',
        content: t2,
        attempts: [
          { sentAt: 2, endedAt: 3, answer: unknown },
          { sentAt: 4, endedAt: 5, answer: posted(at(70, 2), at(30, 1)) },
        ],
      },
      {
        transactionId: 't3',
        content: t3,
        attempts: [{ sentAt: 6, endedAt: 7, answer: { kind: 'rejected', code: 'insufficient_funds' } }],
      },
    ],
    reads: [{ accountId: 'a', sentAt: 8, endedAt: 9, balance: 70, version: 2, stale: false }],
    changes: [],
  };
  const positions = { source: posting(-100, 1), destination: posting(100, 1) };
  final = {
    transfers: [
      { transactionId: 't1', content: t1, refusal: null, ...positions },
      { transactionId: 't2', content: t2, refusal: null, source: posting(70, 2), destination: posting(30, 1) },
      { transactionId: 't3', content: t3, refusal: 'insufficient_funds', source: null, destination: null },
    ],
    accounts: [
      { accountId: 'world', currency: EUR, overdraftLimit: 0, ...posting(-100, 1) },
      { accountId: 'a', currency: EUR, overdraftLimit: 0, ...posting(70, 2) },
      { accountId: 'b', currency: EUR, overdraftLimit: 0, ...posting(30, 1) },
    ],
    changes: [],
    answered: [
      { accountId: 'world', ...at(-100, 1) },
      { accountId: 'a', ...at(70, 2) },
      { accountId: 'b', ...at(30, 1) },
    ],
    sums: { EUR: 0n },
  };
});

/** The kinds of violations found, in alphabetical order. */
const found = () => Object.keys(check(history, final).counts).sort();

describe('a right history', () => {
  it('is valid', () => {
    const verdict = check(history, final);
    expect(verdict).toMatchObject({ verdict: 'valid', ok: 3, failed: 0, unknown: 0, onceUnknown: 1, violations: [] });
  });
  it('may have refused ids that are not in MySQL', () => {
    const content = transfer('t1').content;
    const attempts = [{ sentAt: 1, endedAt: 2, answer: refused(404) }];
    history.transfers.push({ transactionId: 't4', content, attempts });
    expect(check(history, final)).toMatchObject({ verdict: 'valid', failed: 1 });
  });
  it('may have an unknown outcome in MySQL; but is not valid while one is unknown', () => {
    transfer('t2').attempts.pop();
    history.reads = [];
    expect(check(history, final)).toMatchObject({ verdict: 'unknown', unknown: 1, violations: [] });
  });
  it('may have an unknown outcome that came to nothing, when it was asked for afterwards, and never before', () => {
    const content = transfer('t1').content;
    const attempts = [
      { sentAt: 1, endedAt: 2, answer: unknown },
      { sentAt: 50, endedAt: 51, answer: refused(404) },
    ];
    history.transfers.push({ transactionId: 't4', content, attempts });
    expect(check(history, final)).toMatchObject({ verdict: 'unknown', unknown: 1 });
    attempts.push({ sentAt: 60, endedAt: 61, answer: { kind: 'absent' } });
    expect(check(history, final)).toMatchObject({ verdict: 'valid', failed: 1, onceUnknown: 2 });
    attempts.push({ sentAt: 62, endedAt: 63, answer: unknown });
    expect(check(history, final)).toMatchObject({ verdict: 'unknown', unknown: 1 });
  });
  it('may have stale reads that say so', () => {
    history.reads = [{ accountId: 'a', sentAt: 8, endedAt: 9, ...at(100, 1), stale: true }];
    expect(found()).toEqual([]);
  });
  it('may have an answer that shows less than one that came while it was under way', () => {
    history.reads = [{ accountId: 'a', sentAt: 4.5, endedAt: 9, ...at(100, 1), stale: false }];
    expect(found()).toEqual([]);
  });
});

describe('what was told', () => {
  it('lost: an outcome is not in MySQL', () => {
    final.transfers.splice(2, 1);
    expect(check(history, final)).toMatchObject({ verdict: 'invalid', lost: 1, counts: { lost: 1 } });
  });
  it('lost: a posting is gone, with its effect on the balances', () => {
    final.transfers.splice(1, 1);
    final.accounts = final.accounts.map((a) => ({ ...a, ...({ a: at(100, 1), b: at(0, 0) }[a.accountId] ?? {}) }));
    final.answered = final.accounts;
    expect(found()).toEqual(['lost', 'not-in-history']);
  });
  it('doubled: twice in MySQL', () => {
    final.transfers.push(row('t3'));
    expect(check(history, final)).toMatchObject({ verdict: 'invalid', doubled: 1 });
  });
  it('doubled: posted again under the same id', () => {
    transfer('t2').attempts.push({ sentAt: 10, endedAt: 11, answer: posted(at(40, 3), at(60, 2)) });
    expect(check(history, final)).toMatchObject({ verdict: 'invalid', doubled: 1 });
  });
  it('doubled: the balances moved twice, the row is there once', () => {
    final.accounts = final.accounts.map((a) => ({ ...a, ...({ a: at(40, 3), b: at(60, 2) }[a.accountId] ?? {}) }));
    expect(found()).toEqual(['balance']);
  });
  it('contradicted: another outcome', () => {
    transfer('t3').attempts.push({ sentAt: 10, endedAt: 11, answer: { kind: 'rejected', code: 'account_frozen' } });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: the same content is called another one', () => {
    transfer('t2').attempts.push({ sentAt: 10, endedAt: 11, answer: refused(409) });
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: another content in MySQL', () => {
    row('t3').content = { ...row('t3').content, amount: 41 };
    expect(found()).toEqual(['contradicted']);
  });
  it('contradicted: told as refused, stored as posted', () => {
    Object.assign(row('t3'), { refusal: null, source: posting(-10, 2), destination: posting(110, 3) });
    expect(found()).toEqual(['balance', 'contradicted', 'overdrawn']);
  });
});

describe('what nobody was told', () => {
  it('phantom: nobody sent it', () => {
    history.transfers.splice(2, 1);
    expect(found()).toEqual(['phantom']);
  });
  it('phantom: nobody knew the id, and there it is', () => {
    transfer('t3').attempts = [
      { sentAt: 6, endedAt: 7, answer: unknown },
      { sentAt: 60, endedAt: 61, answer: { kind: 'absent' } },
    ];
    expect(found()).toEqual(['phantom']);
  });
  it('phantom: every attempt was refused', () => {
    for (const status of [400, 404, 429, 503]) {
      transfer('t3').attempts = [{ sentAt: 6, endedAt: 7, answer: refused(status) }];
      expect(found()).toEqual(['phantom']);
    }
  });
});

describe('the postings of an account', () => {
  it('gap: a version is missing', () => {
    row('t2').source = posting(70, 3);
    transfer('t2').attempts = [{ sentAt: 2, endedAt: 3, answer: unknown }];
    history.reads = [];
    expect(found()).toEqual(['balance', 'gap']);
  });
  it('gap: a version is there twice', () => {
    row('t2').source = posting(70, 1);
    transfer('t2').attempts = [{ sentAt: 2, endedAt: 3, answer: unknown }];
    expect(found()).toContain('gap');
  });
  it('arithmetic: a cent too much', () => {
    row('t2').destination = posting(31, 1);
    transfer('t2').attempts = [{ sentAt: 2, endedAt: 3, answer: posted(at(70, 2), at(31, 1)) }];
    expect(found()).toEqual(['arithmetic', 'balance']);
  });
  it('overdrawn: below the limit at one version, though not at the end', () => {
    history.accounts = history.accounts.map((a) => (a.accountId === 'world' ? { ...a, external: false } : a));
    expect(check(history, final)).toMatchObject({ verdict: 'invalid', overdrawn: 1 });
    history.accounts = history.accounts.map((a) => ({ ...a, overdraftLimit: 100 }));
    final.accounts = final.accounts.map((a) => ({ ...a, overdraftLimit: 100 }));
    expect(check(history, final).verdict).toBe('valid');
  });
});

describe('what is there', () => {
  it('denied: nobody knows an id that was answered', () => {
    transfer('t2').attempts.push({ sentAt: 6, endedAt: 7, answer: { kind: 'absent' } });
    expect(found()).toEqual(['denied']);
  });
  it('may be missing for somebody who asked before', () => {
    transfer('t2').attempts.push({ sentAt: 1, endedAt: 7, answer: { kind: 'absent' } });
    expect(found()).toEqual([]);
  });
  it('denied: an account that was opened', () => {
    const answer: Answer = { kind: 'refused', status: 404, code: 'account_not_found' };
    transfer('t2').attempts.unshift({ sentAt: 0, endedAt: 1, answer });
    expect(found()).toEqual(['denied']);
  });
});

/** The limit of a becomes 50, between t1 and t2. */
function limitChanged(sentAt = 1.2, endedAt = 1.5): void {
  history.changes = [
    {
      accountId: 'a',
      overdraftLimit: 50,
      sentAt,
      endedAt,
      answer: { kind: 'changed', settingsVersion: 2, overdraftLimit: 50 },
    },
  ];
  final.changes = [{ accountId: 'a', settingsVersion: 2, overdraftLimit: 50 }];
  final.accounts = final.accounts.map((a) =>
    a.accountId === 'a' ? { ...a, overdraftLimit: 50, settingsVersion: 2 } : a,
  );
  row('t2').source = posting(70, 2, 2);
}

describe('the limit of an account', () => {
  beforeEach(() => limitChanged());

  it('may change', () => {
    expect(found()).toEqual([]);
  });
  it('is the one in force at the posting', () => {
    const t2 = { ...transfer('t2').content, amount: 130 };
    Object.assign(transfer('t2'), { content: t2, attempts: [{ sentAt: 2, endedAt: 3, answer: unknown }] });
    Object.assign(row('t2'), { content: t2, source: posting(-30, 2, 2), destination: posting(130, 1) });
    expect(found()).not.toContain('overdrawn');
    row('t2').source = posting(-30, 2, 1);
    expect(found()).toContain('overdrawn');
  });
  it('may be taken below the balance: credits are welcome still, debits are not', () => {
    history.accounts = history.accounts.map((a) => (a.accountId === 'a' ? { ...a, overdraftLimit: 200 } : a));
    const t1 = { source: 'a', destination: 'b', amount: 100, currency: 'EUR' };
    const t2 = { source: 'b', destination: 'a', amount: 30, currency: 'EUR' };
    Object.assign(transfer('t1'), { content: t1, attempts: [{ sentAt: 0, endedAt: 1, answer: unknown }] });
    Object.assign(transfer('t2'), { content: t2, attempts: [{ sentAt: 2, endedAt: 3, answer: unknown }] });
    Object.assign(row('t1'), { content: t1, source: posting(-100, 1), destination: posting(100, 1) });
    Object.assign(row('t2'), { content: t2, source: posting(70, 2), destination: posting(-70, 2, 2) });
    expect(found()).not.toContain('overdrawn');
    row('t1').source = posting(-100, 1, 2);
    expect(found()).toContain('overdrawn');
  });
  it('lost: a change that was answered is not in MySQL, or is another one', () => {
    final.changes = [];
    expect(found()).toEqual(['lost', 'settings']);
    limitChanged();
    final.changes = [{ accountId: 'a', settingsVersion: 2, overdraftLimit: 51 }];
    expect(check(history, final)).toMatchObject({ lost: 1 });
  });
  it('may be answered with a later change that came at the same time', () => {
    const [first] = history.changes;
    if (!first) throw new Error('no entry');
    const answer = { kind: 'changed', settingsVersion: 3, overdraftLimit: 60 } as const;
    history.changes = [
      { ...first, answer },
      { ...first, overdraftLimit: 60, answer },
    ];
    final.changes.push({ accountId: 'a', settingsVersion: 3, overdraftLimit: 60 });
    final.accounts = final.accounts.map((a) =>
      a.accountId === 'a' ? { ...a, overdraftLimit: 60, settingsVersion: 3 } : a,
    );
    row('t2').source = posting(70, 2, 3);
    expect(found()).toEqual([]);
    final.changes = final.changes.map((change) => ({ ...change, overdraftLimit: 60 }));
    expect(found()).toEqual(['lost', 'phantom']);
  });
  it('phantom: nobody asked for it, or all who did were refused', () => {
    history.changes = [];
    expect(found()).toEqual(['phantom']);
    limitChanged();
    history.changes = history.changes.map((change) => ({ ...change, answer: { kind: 'refused' } }));
    expect(found()).toEqual(['phantom']);
    history.changes = history.changes.map((change) => ({ ...change, answer: { kind: 'unknown' } }));
    expect(found()).toEqual([]);
  });
  it('settings: a version is missing', () => {
    history.changes = history.changes.map((change) => ({
      ...change,
      answer: { kind: 'changed', settingsVersion: 3, overdraftLimit: 50 },
    }));
    final.changes = [{ accountId: 'a', settingsVersion: 3, overdraftLimit: 50 }];
    expect(found()).toEqual(['settings']);
  });
  it('settings: a posting goes back to those before', () => {
    row('t1').destination = posting(100, 1, 2);
    row('t2').source = posting(70, 2, 1);
    history.changes = [];
    expect(found()).toContain('settings');
  });
  it('settings: not in force for a transfer that was sent after the answer', () => {
    row('t2').source = posting(70, 2, 1);
    expect(found()).toEqual(['settings']);
  });
  it('settings: in force for a transfer that was answered before it was asked for', () => {
    limitChanged(5.5, 6);
    expect(found()).toEqual(['settings']);
  });
  it('settings: the account says something else', () => {
    final.accounts = final.accounts.map((a) => (a.accountId === 'a' ? { ...a, overdraftLimit: 0 } : a));
    expect(found()).toEqual(['settings']);
  });
});

describe('answers in time', () => {
  it('stale: a read shows less than what was answered before it was sent', () => {
    history.reads = [{ accountId: 'a', sentAt: 8, endedAt: 9, ...at(100, 1), stale: false }];
    expect(found()).toEqual(['stale']);
  });
  it('stale: a posting is behind one that was answered before it was sent', () => {
    transfer('t1').attempts = [{ sentAt: 20, endedAt: 21, answer: posted(at(-100, 1), at(100, 1)) }];
    expect(found()).toEqual(['stale']);
  });
  it('not in the history: a read carries a balance that never was', () => {
    history.reads = [{ accountId: 'a', sentAt: 8, endedAt: 9, ...at(71, 2), stale: false }];
    expect(found()).toEqual(['not-in-history']);
  });
});

describe('what an operator gave up', () => {
  /** t2 was answered and is gone, with its effect. */
  beforeEach(() => {
    final.transfers.splice(1, 1);
    final.accounts = final.accounts.map((a) => ({ ...a, ...({ a: at(100, 1), b: at(0, 0) }[a.accountId] ?? {}) }));
    final.answered = final.accounts;
  });
  const kinds = (ids: string[], moment: number) =>
    Object.keys(check(withoutGivenUp(history, { ids: new Set(ids), at: moment }), final).counts);

  it('is not lost, nor are the reads that saw it', () => {
    expect(kinds(['t2'], 10)).toEqual([]);
    expect(check(withoutGivenUp(history, { ids: new Set(['t2']), at: 10 }), final)).toMatchObject({
      verdict: 'valid',
      ok: 2,
    });
  });
  it('covers nothing else', () => {
    expect(kinds([], 10)).toContain('lost');
    expect(kinds(['t1'], 10)).toContain('lost');
  });
  it('covers nothing that was sent afterwards', () => {
    expect(kinds(['t2'], 3.5)).toContain('lost');
  });
});

describe('the ends', () => {
  it('balance: the API says something else', () => {
    final.answered = final.answered.map((a) => (a.accountId === 'b' ? { ...a, balance: 29 } : a));
    expect(found()).toEqual(['balance']);
  });
  it('balance: an account is gone', () => {
    final.accounts.pop();
    expect(found()).toEqual(['balance']);
  });
  it('sum: money was made', () => {
    final.sums = { EUR: 1n };
    expect(found()).toEqual(['sum']);
  });
});
