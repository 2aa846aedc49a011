/** `stack.json`, as the contract has it. */
export interface StackFile {
  api: string[];
  apiKey: string;
  redis: { host: string; port: number; pid: number | null };
  mysql: { host: string; port: number; user: string; password: string; database: string; pid: number | null };
  pods: { pid: number | null; role: string; url: string }[];
}

/** Something that runs, and answers clients. */
export interface System {
  /** Where everything is by now: pids change when something died. */
  readonly file: StackFile;
  /** Where clients may ask at the moment. */
  readonly addresses: readonly string[];
  /** Set when something was found: data and logs stay for a look. */
  keep: boolean;
  readonly keptAs: string;
  /** @throws Error when somebody else has ended it */
  assertRunning(): void;
}
