import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { type Api, ApiError, type Caller } from './api.ts';

export interface Session {
  api: Api;
  caller: Caller;
  /** State that is still there when the operator comes back to a page. Signing out discards it. */
  kept: Map<string, unknown>;
}
export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('nobody is signed in');
  return session;
}
export const useMay = (scope: string): boolean => useSession().caller.scopes.includes(scope);
/** Whether the caller may manage what belongs to other users. */
export function useIsOperator(): boolean {
  const { scopes, accountPrefixes } = useSession().caller;
  return scopes.includes('ops') && accountPrefixes === null;
}

/** Like `useState`, but the state is still there when the operator comes back to the page. @param name unique in the console */
export function useKept<T>(name: string, initial: T): [T, (value: T) => void] {
  const { kept } = useSession();
  const [value, setValue] = useState(() => (kept.has(name) ? (kept.get(name) as T) : initial));
  const keep = (next: T) => {
    kept.set(name, next);
    setValue(next);
  };
  return [value, keep];
}

/** What the last read returned, and whether it is current. */
export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  /** Whether `data` is older than the last attempt to read it. */
  isStale: boolean;
  /** After an error: how long the next attempt will wait, ms; null if there is none. */
  nextMs: number | null;
  reload(): void;
}

interface LoadState<T> extends Pick<Loaded<T>, 'data' | 'error' | 'nextMs'> {
  path: string | null;
}

/** Repeated failures double the time between attempts up to this limit, ms; the service may ask for more. */
const BACK_OFF_MS_MAX = 10_000;

/** The time until the next attempt. @param failures the number of consecutive failures */
export const waitAfter = (error: ApiError, failures: number, everyMs: number): number =>
  Math.max(everyMs, error.retryAfterMs ?? 0, Math.min(BACK_OFF_MS_MAX, everyMs * 2 ** (failures - 1)));

/**
 * Reads once, again on `reload`, and every `everyMs` while the page is visible. A read that falls due while it is
 * hidden is made as soon as it becomes visible again. A null path reads nothing.
 */
export function useLoaded<T>(path: string | null, everyMs: number | null = null): Loaded<T> {
  const { api } = useSession();
  const [state, setState] = useState<LoadState<T>>({ path: null, data: null, error: null, nextMs: null });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (path === null) return;
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isDue = false;
    let failures = 0;
    const read = async (): Promise<void> => {
      isDue = document.hidden;
      if (isDue) return;
      let nextMs = everyMs;
      try {
        const data = await api.get<T>(path, stopped.signal);
        if (stopped.signal.aborted) return;
        failures = 0;
        setState({ path, data, error: null, nextMs });
      } catch (failure) {
        if (stopped.signal.aborted) return;
        const error = asApiError(failure);
        failures += 1;
        nextMs = everyMs === null ? null : waitAfter(error, failures, everyMs);
        setState((before) => ({ path, data: before.path === path ? before.data : null, error, nextMs }));
      }
      if (nextMs !== null) timer = setTimeout(() => void read(), nextMs);
    };
    const shown = () => {
      if (isDue) void read();
    };
    document.addEventListener('visibilitychange', shown);
    void read();
    return () => {
      stopped.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [api, path, everyMs, turn]);
  const own = state.path === path ? state : { data: null, error: null, nextMs: null };
  const { data, error, nextMs } = own;
  return { data, error, nextMs, isStale: data !== null && error !== null, reload };
}

const asApiError = (failure: unknown): ApiError =>
  failure instanceof ApiError ? failure : new ApiError(0, { detail: String(failure) });

/** The result of a command that the operator has given. */
export interface Command<A extends unknown[]> {
  run(...args: A): Promise<boolean>;
  isBusy: boolean;
  error: ApiError | null;
  clear(): void;
}

/** @param done is called after a success, unless the operator has left the page */
export function useCommand<A extends unknown[], T>(
  send: (...args: A) => Promise<T>,
  done: (result: T) => void,
): Command<A> {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const underWay = useRef(false);
  const isThere = useRef(true);
  useEffect(
    () => () => {
      isThere.current = false;
    },
    [],
  );
  const run = async (...args: A): Promise<boolean> => {
    // A second click must not send a second command.
    if (underWay.current) return false;
    underWay.current = true;
    setBusy(true);
    setError(null);
    try {
      const result = await send(...args);
      if (isThere.current) done(result);
      return true;
    } catch (failure) {
      setError(asApiError(failure));
      return false;
    } finally {
      underWay.current = false;
      setBusy(false);
    }
  };
  return { run, isBusy, error, clear: () => setError(null) };
}

/** The place in the console: `#/accounts/customer-4711`. */
export function useRoute(): readonly string[] {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener('hashchange', changed);
    // Effects run only after the page is shown: the address may have changed before that.
    changed();
    return () => removeEventListener('hashchange', changed);
  }, []);
  return hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
}
/** The text may be invalid, because a link may contain anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
export const linkTo = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;
