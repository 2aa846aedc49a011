import { newUuidV7 } from '../ids.ts';
import { Problem } from '../problem.ts';
import type { Account, Outcome, Posted, TransferOrder } from '../types.ts';

/** A transfer of 1.00 EUR from `world` to `a` under a new id; `different` overrides fields. */
export function orderOf(different: Partial<TransferOrder> = {}, nowMs = Date.now()): TransferOrder {
  return {
    kind: 'transfer',
    transactionId: newUuidV7(nowMs),
    source: 'world',
    destination: 'a',
    amount: 100,
    currency: 'EUR',
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: null,
    user: 'tester',
    correlationId: 'correlation',
    ...different,
  };
}

export function accountOf(accountId: string, different: Partial<Account> = {}): Account {
  return {
    accountId,
    currency: 'EUR',
    external: accountId.startsWith('world'),
    balance: 0,
    held: 0,
    version: 0,
    overdraftLimit: 0,
    status: 'ACTIVE',
    settingsVersion: 1,
    limits: null,
    ...different,
  };
}

/** Summarizes an answer in a word: POSTED, a refusal, or a problem's code; prefixed with `again` for a replay. */
export function summaryOf(answer: Outcome | Problem | undefined): string {
  if (!answer) return 'nothing';
  if (answer instanceof Problem) return answer.code;
  return `${answer.replayed ? 'again ' : ''}${answer.status === 'POSTED' ? 'POSTED' : answer.refusal}`;
}

export function posted(answer: Outcome | Problem | undefined): Posted {
  if (!answer || answer instanceof Problem || answer.status !== 'POSTED')
    throw new Error(`not posted: ${summaryOf(answer)}`);
  return answer;
}

/** The code of the Problem with which a promise rejects. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no problem',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  );
}
