import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../../../app/domain/problem.ts';
import type { Attempt } from '../http/attempt.ts';
import { isProblem, itemVerdict, verdictOf } from './verdict.ts';

const DOCUMENTATION = readFileSync(join(import.meta.dirname, '../../../../docs/api.md'), 'utf8');

const answered = (status: number, body: unknown, retryAfterMs: number | null = null): Attempt => ({
  kind: 'answered',
  status,
  headers: new Headers(),
  body,
  retryAfterMs,
});
const problem = (code: string, status: number) => ({ code, status, detail: 'why', correlationId: 'c', title: 't' });
const acceptOk = (body: unknown) => (body === 'ok' ? 'accepted body' : null);
const shortOf = (attempt: Attempt) => {
  const verdict = verdictOf(attempt, 'c', acceptOk);
  return verdict.verdict === 'again' && verdict.inDoubt ? 'again, in doubt' : verdict.verdict;
};

describe('verdictOf', () => {
  it.each([
    ['a success', answered(201, 'ok'), 'accepted'],
    ['a replay', answered(200, 'ok'), 'accepted'],
    ["a 200 with a captive portal's page", answered(200, undefined), 'again, in doubt'],
    ['an unmodified balance', answered(304, 'ok'), 'accepted'],
    ['no answer', { kind: 'lost', cause: new Error('reset') } as const, 'again, in doubt'],
    ['no connection', { kind: 'unsent', cause: new Error('refused') } as const, 'again'],
    ['a proxy without a backend', answered(502, undefined), 'again, in doubt'],
    ['a proxy that timed out', answered(504, undefined), 'again, in doubt'],
    ['a proxy that limits rates', answered(429, undefined), 'again, in doubt'],
    ['a firewall', answered(403, undefined), 'failed'],
    ['a redirect', answered(308, undefined), 'failed'],
    ['a redirect in a browser', answered(0, undefined), 'failed'],
    ['a new business rule', answered(422, problem('account_asleep', 422)), 'refused'],
    ['a new 503', answered(503, problem('moon_in_the_way', 503)), 'again, in doubt'],
    ['a new 4xx', answered(409, problem('moon_in_the_way', 409)), 'failed'],
    ['a problem from another program', answered(503, { status: 503, title: 'no' }), 'again, in doubt'],
  ])('%s', (_, attempt, expected) => {
    expect(shortOf(attempt)).toBe(expected);
  });

  /** The codes that the documentation marks with "Nothing was done". */
  const nothingDone = [...DOCUMENTATION.matchAll(/^\| `(\w+)` \| \d{3} \| (?:yes|no) \| (.*) \|$/gm)]
    .filter(([, , text = '']) => /\bnothing was done\b/i.test(text))
    .map(([, code]) => code);
  it.each(Object.keys(PROBLEMS) as ProblemCode[])('knows %s', (code) => {
    const { status, retryable } = PROBLEMS[code];
    const verdict = verdictOf(answered(status, problem(code, status), 2_000), 'c', acceptOk);
    if (code === 'internal_error') expect(verdict).toMatchObject({ verdict: 'again', inDoubt: true });
    else if (retryable)
      expect(verdict).toMatchObject({ verdict: 'again', retryAfterMs: 2_000, inDoubt: !nothingDone.includes(code) });
    else if (status === 422) expect(verdict).toMatchObject({ verdict: 'refused', problem: { code } });
    else expect(verdict).toMatchObject({ verdict: 'failed', error: { code, status } });
  });

  it('accepts only these refusals as proof that no earlier attempt was carried out', () => {
    const conclusive = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => {
      const { status } = PROBLEMS[code];
      const verdict = verdictOf(answered(status, problem(code, status)), 'c', acceptOk);
      return verdict.verdict === 'failed' && verdict.conclusive;
    });
    expect(conclusive).toEqual([
      'transaction_id_reused',
      'group_id_reused',
      'hold_id_reused',
      'account_id_reused',
      'key_id_reused',
    ]);
  });
});

describe('itemVerdict', () => {
  const accept = (body: unknown) => body as { transactionId: string };
  it.each([
    [{ status: 201, transactionId: 'a' }, 'accepted'],
    [problem('insufficient_funds', 422), 'refused'],
    [problem('overloaded', 503), 'again'],
    [problem('account_not_found', 404), 'failed'],
  ])('%j is %s', (item, expected) => {
    expect(itemVerdict(item, null, 'c', accept).verdict).toBe(expected);
  });
  it.each([[null], ['text'], [{}], [{ status: 404 }], [{ status: 'POSTED', transactionId: 'a' }]])(
    '%j is not a result of the service, and leaves the item in doubt',
    (item) => {
      expect(itemVerdict(item, null, 'c', accept)).toMatchObject({ verdict: 'again', inDoubt: true });
    },
  );
});

describe('isProblem', () => {
  it.each([[null], ['text'], [{}], [{ ...problem('x', 503), status: '503' }], [{ ...problem('x', 200) }]])(
    '%j is not a problem',
    (body) => {
      expect(isProblem(body)).toBe(false);
    },
  );
});
