import { readFileSync } from 'node:fs';
import { end, launch, type Program, sendSignal, untilAnswers } from '../../devstack/system/process.mjs';
import { now, sleep } from './time.ts';

type Running = ReturnType<typeof launch>;

/** A process of a cluster. Only the test restarts it. */
export class Member {
  #program: Program;
  #running: Running | null = null;

  constructor(program: Program) {
    this.#program = program;
  }

  get name(): string {
    return this.#program.name;
  }

  /** Changes its environment, with effect from the next start. */
  configure(env: Program['env']): void {
    this.#program = { ...this.#program, env: { ...this.#program.env, ...env } };
  }

  get pid(): number | null {
    return this.#running?.alive() ? this.#running.pid : null;
  }

  /** Returns once it responds. @throws UserError with the end of its log if it does not */
  async start(): Promise<void> {
    this.launch();
    await this.untilAnswers();
  }

  /** Starts it without waiting. */
  launch(): void {
    if (this.pid !== null) throw new Error(`${this.name} runs already`);
    this.#running = launch(this.#program);
  }

  async untilAnswers(): Promise<void> {
    if (this.#running) await untilAnswers(this.#running);
  }

  /** Like kill -9: it has no time to clean up. Returns once it has ended. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#running?.ended;
  }

  /** Pauses the process, which keeps its connections and locks, until `wake`. */
  freeze(): void {
    this.signal('SIGSTOP');
  }

  wake(): void {
    this.signal('SIGCONT');
  }

  /** Stops in an orderly way. @returns ms that it took */
  async stop(): Promise<number> {
    const since = now();
    if (this.#running && !(await end(this.#running))) throw new Error(`${this.name} did not stop in time`);
    return now() - since;
  }

  /** The whole output of all its runs. */
  get log(): string {
    return readFileSync(this.#program.logFile, 'utf8');
  }

  /** Waits until it has ended by itself. */
  async ended(msMax: number): Promise<boolean> {
    return this.#running === null || Promise.race([this.#running.ended.then(() => true), sleep(msMax, false)]);
  }

  signal(name: NodeJS.Signals): void {
    if (this.pid !== null) sendSignal(this.pid, name);
  }
}
