/** Settings that the programs in the load pod share with the code that starts them. */

/** The folder that the containers of the load pod share. */
export const RESULTS = '/results';
export const LINES_FILE = `${RESULTS}/lines.jsonl`;
export const CONTROL_FILE = `${RESULTS}/control.json`;
/** A file that is written when the accounts are open and funded. */
export const OPENED_FILE = `${RESULTS}/opened.json`;
/** A file that is written at the very end. */
export const DONE_FILE = `${RESULTS}/done.json`;
/** The port at which k6 asks the recorder for the rate and sends it lines. */
export const RECORDER_PORT = 8099;

/** The instructions for the load, which can change at any time. */
export interface Control {
  /** Requests per second. */
  rate: number;
  stop: boolean;
}

/** The final report of the recorder. */
export interface Done {
  /** The beginning and end of the time under load. */
  from: number;
  to: number;
  /** Requests that were late because the generator could not keep up. */
  late: number;
  /** Ids without a known outcome at the end. */
  unknown: number;
  /** The service's own reconciliation. */
  clean: boolean;
  report: unknown;
  /** Errors of the recorder itself. */
  error?: string;
}

/** After this time, no attempt that was given up can still be carried out: the service holds requests for 10 s. */
export const HELD_MS_MAX = 12_000;
/** An attempt is given up after this time and repeated under the same id. */
export const ATTEMPT_MS_MAX = 3000;
/** An attempt to connect is given up after this time. */
export const CONNECT_MS_MAX = 1000;
/** The number of clients. Each has its own connections, because a single client would open only a few. */
export const CLIENTS = 64;
/** The average pause between attempts; each pause is up to 50 % longer or shorter. */
export const RETRY_MS = 250;
export const READS_SHARE = 0.15;
/** The share of requests that are made over a new connection. */
export const FRESH_SHARE = 0.5;
