import { Problem } from '../domain/problem.ts';
import type { AccountChange, AccountView, Durability, Outcome, TransferOrder } from '../domain/types.ts';
import type { Ledger } from './ports/ledger.ts';

/** Called for every answered transfer, for the log and the counters. */
export interface TransferLog {
  transferLogged(order: TransferOrder, answer: Outcome | Problem): void;
}
export interface TransferCounter {
  transferAnswered(answer: 'posted' | 'replayed' | Problem['code']): void;
}

/** A ledger that logs and counts all of its answers. */
export class LoggedLedger implements Ledger {
  readonly #ledger: Ledger;
  readonly #log: TransferLog;
  readonly #counter: TransferCounter;

  constructor(ledger: Ledger, log: TransferLog, counter: TransferCounter) {
    this.#ledger = ledger;
    this.#log = log;
    this.#counter = counter;
  }

  async apply(orders: readonly TransferOrder[], durability: Durability): Promise<(Outcome | Problem)[]> {
    const answers = await this.#ledger.apply(orders, durability);
    for (let index = 0; index < orders.length; index++) {
      const order = orders[index];
      const answer = answers[index];
      if (!order || !answer) continue;
      this.#log.transferLogged(order, answer);
      this.#counter.transferAnswered(kindOf(answer));
    }
    return answers;
  }

  outcome(transactionId: string): Promise<Outcome> {
    return this.#ledger.outcome(transactionId);
  }
  read(accountIds: readonly string[]): Promise<(AccountView | Problem)[]> {
    return this.#ledger.read(accountIds);
  }
  changeAccount(change: AccountChange): Promise<AccountView> {
    return this.#ledger.changeAccount(change);
  }
}

function kindOf(answer: Outcome | Problem): 'posted' | 'replayed' | Problem['code'] {
  if (answer instanceof Problem) return answer.code;
  if (answer.replayed) return 'replayed';
  return answer.status === 'POSTED' ? 'posted' : answer.refusal;
}
