import { describe, expect, it, vi } from 'vitest';
import { holdOutcomeOf } from '../domain/hold-events.ts';
import { Problem } from '../domain/problem.ts';
import type { Outcome, TransferOrder } from '../domain/types.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { createLogger } from './logger.ts';

const ORDER: TransferOrder = {
  kind: 'transfer',
  transactionId: 't-1',
  source: 'alice',
  destination: 'bob',
  amount: 4711,
  currency: 'EUR',
  timestamp: null,
  reference: 'rent of Mrs Miller',
  metadata: { iban: 'DE02120300000000202051' },
  reverses: null,
  user: 'key-7',
  correlationId: 'c-1',
};
const PLACE = {
  order: ORDER,
  acceptedAt: 1_700_000_000_000,
  takenAt: null,
  epoch: 3,
  seq: 42,
  replayed: false,
  persisted: false,
};
const POSTED: Outcome = {
  ...PLACE,
  status: 'POSTED',
  source: { balance: 100, version: 5, settingsVersion: 1 },
  destination: { balance: 200, version: 6, settingsVersion: 1 },
};

function logging(level: 'info' | 'warn' | 'debug' = 'info', base: Record<string, string> = { service: 'holdfast' }) {
  let now = 1_700_000_000_000;
  const clock: Clock = { ...systemClock, now: () => now };
  const written: string[] = [];
  const flushSync = vi.fn();
  const logger = createLogger(level, base, { write: (line) => void written.push(line), flushSync }, clock);
  return {
    ...logger,
    flush: flushSync,
    tick: (ms: number) => {
      now += ms;
    },
    raw: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('the line of an event of a hold', () => {
  const order = {
    holdId: 'h-1',
    account: 'alice',
    destination: null,
    amount: 5,
    currency: 'EUR',
    expiresAt: null,
    reference: 'Order 7',
    metadata: null,
    user: 'key-7',
    correlationId: 'c-1',
  };
  const { holdId, account, currency, user, correlationId } = order;
  const when = { acceptedAt: 1_700_000_000_000, takenAt: 1_700_000_000_000, epoch: 3, seq: 42 };
  const refused = { holdId, account, currency, user, correlationId, ...when, order } as const;

  it('contains the ids and the outcome, but no amounts', () => {
    const { holdLogged, lines } = logging('info', {});
    holdLogged(holdOutcomeOf({ ...refused, kind: 'REFUSED', refusal: 'insufficient_funds' }, false));
    expect(lines()).toEqual([
      {
        level: 'info',
        time: '2023-11-14T22:13:20.000Z',
        correlationId: 'c-1',
        user: 'key-7',
        holdId: 'h-1',
        account: 'alice',
        outcome: 'REFUSED',
        code: 'insufficient_funds',
        epoch: 3,
        seq: 42,
        replayed: false,
        acceptedAt: 1_700_000_000_000,
        msg: 'hold',
      },
    ]);
  });

  it('is not written below level info', () => {
    const { holdLogged, raw } = logging('warn');
    holdLogged(holdOutcomeOf({ ...refused, kind: 'REFUSED', refusal: 'insufficient_funds' }, false));
    expect(raw()).toBe('');
  });
});

describe('the line of a transfer', () => {
  it('contains ids, outcome and correlation id, but no personal data and no amounts', () => {
    const { transferLogged, lines } = logging('info', { service: 'holdfast', role: 'api', pod: 'p-1' });
    transferLogged(ORDER, POSTED);
    expect(lines()).toEqual([
      {
        level: 'info',
        time: '2023-11-14T22:13:20.000Z',
        service: 'holdfast',
        role: 'api',
        pod: 'p-1',
        correlationId: 'c-1',
        user: 'key-7',
        transactionId: 't-1',
        kind: 'transfer',
        source: 'alice',
        destination: 'bob',
        outcome: 'POSTED',
        epoch: 3,
        seq: 42,
        replayed: false,
        acceptedAt: 1_700_000_000_000,
        msg: 'transfer',
      },
    ]);
  });

  it('reports a refusal and a missing outcome by their codes', () => {
    const { transferLogged, lines } = logging();
    transferLogged(ORDER, { ...PLACE, status: 'REJECTED', refusal: 'insufficient_funds', replayed: true });
    transferLogged(ORDER, new Problem('outcome_unknown', 'no reply'));
    expect(lines()).toMatchObject([
      { outcome: 'REJECTED', code: 'insufficient_funds', replayed: true },
      { outcome: 'NONE', code: 'outcome_unknown', transactionId: 't-1' },
    ]);
  });

  it('is a single line of JSON, whatever id a client sends', () => {
    const { transferLogged, lines, raw } = logging('info', {});
    const nasty = '"},\n{"level":"fatal\\ ü\u0000';
    transferLogged({ ...ORDER, correlationId: nasty, user: nasty }, POSTED);
    expect(lines()).toMatchObject([{ level: 'info', correlationId: nasty, user: nasty }]);
    expect(raw().match(/\n/g)).toHaveLength(1);
  });

  it('is not written at levels above info', () => {
    const { transferLogged, raw } = logging('warn');
    transferLogged(ORDER, POSTED);
    expect(raw()).toBe('');
  });

  it('has the time at which it was written, to the millisecond', () => {
    const { transferLogged, tick, lines } = logging();
    transferLogged(ORDER, POSTED);
    tick(1);
    transferLogged(ORDER, POSTED);
    expect(lines().map(({ time }) => time)).toEqual(['2023-11-14T22:13:20.000Z', '2023-11-14T22:13:20.001Z']);
  });
});

describe('any other log line', () => {
  it('has level, time, base fields and correlation id', () => {
    const { log, lines } = logging();
    log.child({ correlationId: 'c-9' }).warn({ epoch: 4 }, 'authority moved to %s', 'DIRECT');
    expect(lines()).toEqual([
      {
        level: 'warn',
        time: '2023-11-14T22:13:20.000Z',
        service: 'holdfast',
        correlationId: 'c-9',
        epoch: 4,
        msg: 'authority moved to DIRECT',
      },
    ]);
  });

  it('is written without secrets and personal data, at any depth, in lists and in child bindings', () => {
    const { log, raw, lines } = logging();
    const headers = { authorization: 'Bearer s3cret', cookie: 's3cret', accept: '*/*', 'x-api-key': 's3cret' };
    const child = log.child({ config: { auth: { jwtSecret: 's3cret' } } });
    child.info({ request: { headers }, orders: [{ ...ORDER, metadata: { a: 's3cret' } }] }, 'looked at');
    log.info({
      account: { accountId: 'a', name: 'Jane s3cret' },
      accounts: [{ name: 's3cret' }],
      script: { name: 'apply-3' },
    });
    expect(raw()).not.toContain('s3cret');
    expect(raw()).not.toContain('Miller');
    expect(lines()[0]).toMatchObject({
      config: { auth: { jwtSecret: '[redacted]' } },
      request: { headers: { authorization: '[redacted]', accept: '*/*' } },
      orders: [{ transactionId: 't-1', reference: '[redacted]', metadata: '[redacted]' }],
    });
    expect(lines()[1]).toMatchObject({ account: { accountId: 'a', name: '[redacted]' }, script: { name: 'apply-3' } });
  });

  it('is written without the passwords of URLs, wherever they appear', () => {
    const { log, raw } = logging();
    log.error(new Error('cannot reach mysql://root:p"w@d@db:3306/holdfast'));
    log.info(
      { at: new URL('redis://:hunter2@cache:6379/0') },
      'see https://bob:hunter2@host/path?x=a@b and http://plain/x',
    );
    expect(raw()).not.toMatch(/hunter2|root|p\\"w|bob/);
    expect(raw()).toContain('mysql://***@db:3306/holdfast');
    expect(raw()).toContain('redis://***@cache:6379/0');
    expect(raw()).toContain('http://plain/x');
  });

  it('may be a plain message, or contain circular structures, and errors under any key', () => {
    const { log, lines } = logging();
    const round: Record<string, unknown> = { at: new Date(0) };
    round['round'] = round;
    log.info('plain');
    log.info({ reason: Object.assign(new Error('gone'), { sql: 'SELECT 1' }) }, 'because');
    log.info(round, 'round');
    const [plain, because, around] = lines();
    expect(plain?.['msg']).toBe('plain');
    expect(because).toMatchObject({ reason: { type: 'Error', message: 'gone' } });
    expect(JSON.stringify(because)).not.toContain('SELECT');
    expect(JSON.stringify(around)).toContain('[deeper]');
  });

  it('is flushed on request, and before a fatal exit', () => {
    const logger = logging();
    logger.flushSync();
    expect(logger.flush).toHaveBeenCalledTimes(1);
    logger.log.fatal('over');
    expect(logger.flush).toHaveBeenCalledTimes(2);
  });
});

describe('errors', () => {
  const SQL = "INSERT INTO accounts VALUES ('jane','Jane Doe')";

  it('from SQL show what failed, but no data', () => {
    const { log, raw, lines } = logging();
    const duplicate = Object.assign(new Error("Duplicate entry 'Jane's-EUR' for key 'accounts.PRIMARY'"), {
      code: 'ER_DUP_ENTRY',
      errno: 1062,
      sqlState: '23000',
      sqlMessage: "Duplicate entry 'Jane's-EUR' for key 'accounts.PRIMARY'",
      sql: SQL,
    });
    const wrapped = Object.assign(new Error(duplicate.message), {
      query: SQL,
      parameters: ['Jane'],
      driverError: duplicate,
    });
    wrapped.cause = duplicate;
    log.error(wrapped);
    log.error({ err: duplicate });
    log.error({ err: duplicate }, 'flush failed');
    expect(raw()).not.toContain('Jane');
    const shown = "Duplicate entry '…' for key 'accounts.PRIMARY'";
    const fields = { message: shown, code: 'ER_DUP_ENTRY', errno: 1062, sqlState: '23000' };
    expect(lines()).toMatchObject([
      { msg: shown, err: { message: shown, cause: fields } },
      { msg: shown, err: fields },
      { msg: 'flush failed', err: { ...fields, type: 'Error' } },
    ]);
    expect(lines()[1]).toHaveProperty('err.frames');
  });

  it('about SQL syntax are logged without the statement that they quote', () => {
    const { log, raw } = logging();
    const syntax = "You have an error in your SQL syntax; check the manual near ''jane','Jane Doe')\nat 'x' at line 1";
    log.error(Object.assign(new Error(syntax), { sqlState: '42000' }));
    expect(raw()).not.toContain('Jane');
    expect(raw()).toContain('You have an error in your SQL syntax');
  });

  it('from Redis show the command without its arguments', () => {
    const { log, raw, lines } = logging();
    const reply = Object.assign(new Error('OOM command not allowed'), { command: { name: 'evalsha', args: ['jane'] } });
    log.error({ err: reply }, 'apply failed');
    expect(lines()).toMatchObject([{ err: { command: 'evalsha', message: 'OOM command not allowed' } }]);
    expect(raw()).not.toContain('jane');
  });

  it('show their causes and members up to a limit, even if they are not Error objects', () => {
    const { log, lines } = logging();
    let error = new Error('0');
    for (let i = 1; i <= 10; i++) error = new Error(`${i}`, { cause: error });
    log.error(
      new AggregateError([error, 'text', ...Array.from({ length: 20 }, () => new Error('more'))], 'all failed'),
    );
    log.error({ err: 'thrown text' });
    const [all, text] = lines();
    expect(all).toMatchObject({
      err: { type: 'AggregateError', errors: [{ message: '10' }, { message: 'text' }, {}, {}, {}] },
    });
    expect(all).not.toHaveProperty('err.errors[5]');
    expect(all).toHaveProperty('err.errors[0].cause.cause.message', '8');
    expect(all).not.toHaveProperty('err.errors[0].cause.cause.cause');
    expect(text).toMatchObject({ msg: 'thrown text' });
  });

  it('show the code of a Problem', () => {
    const { log, lines } = logging();
    log.warn(new Problem('backlog_full', 'the journal is too long'));
    expect(lines()).toMatchObject([{ err: { type: 'Problem', code: 'backlog_full' }, msg: 'the journal is too long' }]);
  });
});
