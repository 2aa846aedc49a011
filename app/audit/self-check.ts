import type { LogHead } from '../journal/sealed/sealed-rows.ts';
import { differenceOf } from './account-state.ts';
import { FAULTS_MAX, windowsOver } from './audit.ts';
import type { AuditFault, IndexedSource } from './audit-source.ts';
import { BrokenLog, EMPTY_LOG, refuseBeyond, type WalkedEntry, waitingEntry, walkHashes, walkLog } from './log-walk.ts';
import { Replay } from './replay.ts';
import { lookedUpFaults } from './row-lookup.ts';

/** How many of the older rows of the log are compared with the books. */
const SAMPLE_SHARE = 1 / 1000;
const SAMPLE_MAX = 2_000;
/** The number of entries that are collected before their rows are looked up. */
const LOOK_UP_AT = 2_000;

/** Where the self-check was after its latest run. */
export interface CheckProgress {
  /** Everything up to here was checked. */
  checkpoint: LogHead;
  /** The position up to which the hashes were walked again; null if a new walk has to begin. */
  walk: LogHead | null;
}
export const NOTHING_CHECKED: CheckProgress = { checkpoint: EMPTY_LOG, walk: null };

export interface SelfCheckReport {
  clean: boolean;
  /** False if time ran out: the next run continues from there. */
  complete: boolean;
  from: number;
  position: number;
  entries: number;
  accounts: number;
  /** Older rows of the log whose entries were compared. */
  sampled: number;
  /** Whether the walk over all hashes was completed by this run. */
  walked: boolean;
  faults: AuditFault[];
}

interface SelfCheckOptions {
  /** Maximum number of accounts in memory; beyond it, accounts are forgotten, and not compared in this run. */
  accountsMax: number;
  /** Whether all hashes are walked in this run, from where the latest walk ended. */
  walksHashes: boolean;
  isTimeOver(): boolean;
  /** Called after each page; may wait, so that the check does not use the whole machine. */
  pause(): Promise<void>;
  random(): number;
}

/** Thrown when time runs out. */
class TimeOver extends Error {
  override readonly name = 'TimeOver';
}

/**
 * A check that is cheap enough to run every day in a keeper, whatever the size of the ledger: it verifies and replays
 * what is new in the log since the last run, and compares it with the books; it compares a random thousandth of the
 * older rows; and once a week it walks all hashes. It does not replace an audit: it does not find rows that were
 * inserted, and it finds changes to older rows only by chance. @returns the report, and the progress from which the
 * next run continues
 */
export async function selfCheck(
  source: IndexedSource,
  progress: CheckProgress,
  options: SelfCheckOptions,
): Promise<{ report: SelfCheckReport; progress: CheckProgress }> {
  const run = new Run(source, progress, options);
  return run.run();
}

class Run {
  readonly #source: IndexedSource;
  readonly #options: SelfCheckOptions;
  readonly #from: LogHead;
  #checkpoint: LogHead;
  #walk: LogHead | null;
  /** At most `FAULTS_MAX`: a keeper must survive whatever was done to the books. */
  readonly #faults: AuditFault[] = [];
  #waiting: WalkedEntry[] = [];
  readonly #counts = { entries: 0, accounts: 0, sampled: 0, walked: false };

  constructor(source: IndexedSource, { checkpoint, walk }: CheckProgress, options: SelfCheckOptions) {
    this.#source = source;
    this.#options = options;
    this.#from = checkpoint;
    this.#checkpoint = checkpoint;
    this.#walk = walk;
  }

  async run(): Promise<{ report: SelfCheckReport; progress: CheckProgress }> {
    let complete = true;
    try {
      await this.#checkNew();
      await this.#sample();
      if (this.#options.walksHashes) await this.#walkHashes();
    } catch (error) {
      if (error instanceof BrokenLog) this.#faults.unshift(error.fault);
      else if (error instanceof TimeOver) complete = false;
      else throw error;
    }
    const clean = this.#faults.length === 0;
    const { position } = this.#checkpoint;
    const faults = this.#faults.slice(0, FAULTS_MAX);
    return {
      report: { clean, complete, from: this.#from.position, position, ...this.#counts, faults },
      // Whatever was found wrong is checked again until it is correct.
      progress: { checkpoint: clean ? this.#checkpoint : this.#from, walk: clean ? this.#walk : null },
    };
  }

  async #checkNew(): Promise<void> {
    const { head } = await this.#source.begin();
    const [first] = await this.#source.stored(0, { rows: 1, bytes: 1 });
    const replay = new Replay({
      isWanted: () => true,
      windowsAt: windowsOver(await this.#source.calendar()),
      logBeganAt: first?.sealedAt ?? Number.POSITIVE_INFINITY,
      fault: (place, what, problem) => this.#found({ ...place, what, problem }),
      ended: () => {},
    });
    const take = (one: WalkedEntry) => {
      this.#counts.entries += 1;
      replay.take(one.entry, one);
      this.#waiting.push(one);
    };
    const afterPage = async (now: LogHead) => {
      await this.#lookUp();
      if (replay.accounts.size > this.#options.accountsMax) {
        replay.accounts.clear();
        replay.openHolds.clear();
      }
      this.#checkpoint = now;
      await this.#afterPage();
    };
    const end = await walkLog(this.#source, { from: this.#from, to: head.position, afterPage }, take);
    if (end.hash !== head.hash) throw new BrokenLog(head.position, 'it is not the recorded end of the log');
    await this.#compareAccounts(replay, end);
  }

  async #lookUp(): Promise<void> {
    for (let first = 0; first < this.#waiting.length; first += LOOK_UP_AT) {
      const page = this.#waiting.slice(first, first + LOOK_UP_AT);
      const items = await this.#source.itemsOf(page.map(({ entry }) => entry));
      for (const fault of lookedUpFaults(page, items)) this.#found(fault);
    }
    this.#waiting = [];
  }

  /** The accounts that were replayed must be in the books as they are after their latest entries. */
  async #compareAccounts(replay: Replay, end: LogHead): Promise<void> {
    await this.#source.atOneMoment(async (view) => {
      refuseBeyond(view);
      await walkLog(this.#source, { from: end, to: view.head.position }, (one) => replay.take(one.entry, one));
      for (const line of view.waiting) replay.take(waitingEntry(line, view.head), { position: null, index: null });
      for await (const page of view.accounts([...replay.accounts.keys()])) {
        for (const stored of page) {
          const { accountId } = stored.account;
          const state = replay.accounts.get(accountId);
          const problem = state && differenceOf(state, stored);
          replay.accounts.delete(accountId);
          this.#counts.accounts += 1;
          if (problem) this.#found({ position: null, index: null, what: `account ${accountId}`, problem });
        }
      }
    });
    for (const accountId of replay.accounts.keys())
      this.#found({ position: null, index: null, what: `account ${accountId}`, problem: 'its row is missing' });
  }

  #found(fault: AuditFault): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault);
  }

  async #sample(): Promise<void> {
    const { position: older } = this.#from;
    const wanted = Math.min(SAMPLE_MAX, Math.ceil(older * SAMPLE_SHARE));
    for (let sampled = 0; sampled < wanted; sampled++) {
      const before = Math.floor(this.#options.random() * older);
      // The hash of the row is verified by the walk over all hashes; here, its entries are compared.
      await walkLog(this.#source, { from: await this.#headAt(before), to: before + 1 }, (one) =>
        this.#waiting.push(one),
      );
      await this.#lookUp();
      this.#counts.sampled += 1;
      await this.#afterPage();
    }
  }

  async #headAt(position: number): Promise<LogHead> {
    if (position === 0) return EMPTY_LOG;
    const [row] = await this.#source.stored(position - 1, { rows: 1, bytes: 1 });
    if (row?.position !== position) throw new BrokenLog(position, 'the row is missing');
    return { position, hash: row.hash, sealedAt: row.sealedAt };
  }

  async #walkHashes(): Promise<void> {
    const to = this.#from;
    const end = await walkHashes(this.#source, this.#walk ?? EMPTY_LOG, to.position, async (now) => {
      this.#walk = now;
      await this.#afterPage();
    });
    if (end.hash !== to.hash) throw new BrokenLog(to.position, 'its hash is not the one that was checked earlier');
    this.#walk = null;
    this.#counts.walked = true;
  }

  async #afterPage(): Promise<void> {
    if (this.#options.isTimeOver()) throw new TimeOver();
    await this.#options.pause();
  }
}
