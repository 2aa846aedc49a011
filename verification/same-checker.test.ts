import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { outcomeAnswer } from '../app/api/transfers/transfer-schema.ts';
import { PROBLEMS, type ProblemCode } from '../app/domain/problem.ts';
import { orderOf } from '../app/domain/testing/orders.ts';
import type { Outcome, Posted } from '../app/domain/types.ts';
import { answerOf as answerOfSimulator } from '../simulator/world/answers.ts';
import { runSeed } from '../simulator/world/run-seed.ts';
import { check } from './checker/check.ts';
import { answerOf as answerOfHttp, answerOfLookUp } from './load/answers.ts';

vi.mock('./checker/check.ts', async (original) => {
  const real = await original<typeof import('./checker/check.ts')>();
  return { ...real, check: vi.fn(real.check) };
});
beforeEach(() => void vi.mocked(check).mockClear());

/** The limit is restored, because a simulation turns stack traces off, and the files of unit tests share a process. */
const { stackTraceLimit } = Error;
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

const posted: Posted = {
  status: 'POSTED',
  order: orderOf({ transactionId: 't1', amount: 1234 }),
  ...{ acceptedAt: 1_763_690_000_123, takenAt: 1, epoch: 1, seq: 1, replayed: false, persisted: false },
  source: { balance: -1234, version: 1, settingsVersion: 1 },
  destination: { balance: 1234, version: 1, settingsVersion: 1 },
};
const identity = { user: 'u', scopes: new Set(['balances:read']) } as unknown as Parameters<typeof outcomeAnswer>[2];

/** The answer as a client of the real service receives it. */
function overHttp(outcome: Outcome) {
  const answer = outcomeAnswer(outcome, 'cache', identity);
  if ('body' in answer) return answerOfHttp(answer.status, JSON.parse(JSON.stringify(answer.body)), 'EUR');
  return answerOfHttp(answer.status, { code: answer.code }, 'EUR');
}

/** The answer of the simulator, without the fields that HTTP does not show. */
function fromSimulator(outcome: Outcome) {
  const answer = answerOfSimulator({ kind: 'value', value: outcome });
  if (answer.kind === 'rejected') return { kind: answer.kind, code: answer.code };
  if (answer.kind !== 'posted') return answer;
  const { epoch: _epoch, source, destination, ...rest } = answer;
  const shown = ({ balance, version }: typeof source) => ({ balance, version });
  return { ...rest, source: shown(source), destination: shown(destination) };
}

it.each([
  ['posted', posted],
  ['replayed', { ...posted, replayed: true }],
  ['rejected', { ...posted, status: 'REJECTED', refusal: 'insufficient_funds' } as Outcome],
])('an outcome is the same answer in the simulator and over HTTP: %s', (_name, outcome) => {
  expect(overHttp(outcome)).toEqual(fromSimulator(outcome));
});

it.each(Object.keys(PROBLEMS) as ProblemCode[])('a problem is the same answer in both: %s', (code) => {
  const { status } = PROBLEMS[code];
  // A refusal by a business rule is an outcome, and a lookup has answers of its own.
  if (status === 422 || code === 'transfer_not_found') return;
  const [http, simulated] = [answerOfHttp(status, { code }, 'EUR'), answerOfSimulator({ kind: 'problem', code })];
  expect(simulated.kind).toBe(http.kind);
  if (http.kind === 'refused') expect(simulated).toEqual(http);
});

it('an unknown id is absent in both', () => {
  const code = 'transfer_not_found';
  expect(answerOfLookUp({ status: 404, body: { code } }, 'EUR')).toEqual(answerOfSimulator({ kind: 'problem', code }));
});

it('a run of the simulator reports what the checker finds', async () => {
  const { violations } = await runSeed(1);
  expect(violations).toEqual([]);
  expect(check).toHaveBeenCalled();
  const violation = { kind: 'lost', what: 'as the checker reports it' } as const;
  const verdict = vi.mocked(check).mock.results[0]?.value;
  vi.mocked(check).mockReturnValueOnce({ ...verdict, violations: [violation] });
  expect((await runSeed(1)).violations).toEqual([violation]);
});

it.each([
  ['simulator/world/run-seed.ts', 'check'],
  ['resilience-tests/harness/experiment.ts', 'check'],
  ['resilience-tests/kubernetes/conduct.ts', 'check'],
  // The part that the load tests use.
  ['verification/load/books.ts', 'checkBooks'],
])('%s uses the checker', (file, name) => {
  const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
  expect(text).toMatch(new RegExp(`^import \\{ ${name}\\b.* from '[./]*(/verification)?/checker/check\\.ts';$`, 'm'));
});
