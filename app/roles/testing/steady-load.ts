import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import type { Role, RolesUnderTest } from './roles-under-test.ts';

const CLIENTS = 8;
const AMOUNT = 100;

/**
 * Clients that post transfers of 1.00 from `world` to `ada`. Each client repeats a transfer under the same id until it
 * has an answer.
 */
export class SteadyLoad {
  readonly #api: Role;
  readonly #posted = new Set<string>();
  readonly #refused: string[] = [];
  readonly #clients: Promise<void>[];
  #isStopped = false;

  constructor(api: Role) {
    this.#api = api;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client());
  }

  get posted(): number {
    return this.#posted.size;
  }

  /** Waits until some transfers that are sent after this call have been posted. */
  async goesOn(): Promise<void> {
    const before = this.posted;
    await until('transfers are posted', () => this.posted >= before + 2 * CLIENTS);
  }

  async #client(): Promise<void> {
    while (!this.#isStopped) {
      const id = newUuidV7(Date.now());
      await until('it has an answer', async () => {
        const { status, json } = await this.#api.transfer(id);
        if (status === 201 || status === 200) this.#posted.add(id);
        else if (status !== 503 && status !== 504) this.#refused.push(`${status} ${json['code']}`);
        return status < 500;
      });
    }
  }

  /** Ends the load, and returns what is wrong with the books: no transfer may be missing, posted twice or refused. */
  async faults({ db }: RolesUnderTest): Promise<string[]> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    const faults = this.#refused.map((refusal) => `refused: ${refusal}`);
    const ids = [...this.#posted];
    const found = async () =>
      new Set(
        (await db.database.rows<{ id: string }>('SELECT transaction_id AS id FROM transfers')).map(({ id }) => id),
      );
    await until('all are in MySQL', async () => {
      const stored = await found();
      return ids.every((id) => stored.has(id));
    });
    const extra = [...(await found())].filter((id) => !this.#posted.has(id));
    if (extra.length > 0) faults.push(`never answered: ${extra.length}`);
    const [ada] = await db.database.rows<{ balance: string; version: string }>(
      "SELECT balance, version FROM accounts WHERE account_id = 'ada'",
    );
    if (Number(ada?.balance) !== ids.length * AMOUNT) faults.push(`${ada?.balance} after ${ids.length} transfers`);
    if (Number(ada?.version) !== ids.length) faults.push(`version ${ada?.version} after ${ids.length} transfers`);
    return faults;
  }
}
