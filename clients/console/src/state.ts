import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import { type Api, ApiError, type Caller } from './api.ts';

export interface Session {
  api: Api;
  caller: Caller;
}
export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('nobody is signed in');
  return session;
}
export const useMay = (scope: string): boolean => useSession().caller.scopes.includes(scope);

/** What the last read returned, and whether it is current. */
export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  /** Whether `data` is older than the last attempt to read it. */
  isStale: boolean;
  reload(): void;
}

/** Reads once, again on `reload`, and every `everyMs` while the page is visible. A null path reads nothing. */
export function useLoaded<T>(path: string | null, everyMs: number | null = null): Loaded<T> {
  const { api } = useSession();
  const [state, setState] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({
    path: null,
    data: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (path === null) return;
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async (): Promise<void> => {
      try {
        if (!document.hidden) {
          const data = await api.get<T>(path, stopped.signal);
          if (!stopped.signal.aborted) setState({ path, data, error: null });
        }
      } catch (error) {
        if (stopped.signal.aborted) return;
        const seen = error instanceof ApiError ? error : new ApiError(0, { detail: String(error) });
        setState((before) => ({ path, data: before.path === path ? before.data : null, error: seen }));
      }
      if (everyMs !== null && !stopped.signal.aborted) timer = setTimeout(() => void read(), everyMs);
    };
    void read();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [api, path, everyMs, turn]);
  const isOwn = state.path === path;
  const data = isOwn ? state.data : null;
  const error = isOwn ? state.error : null;
  return { data, error, isStale: data !== null && error !== null, reload };
}

/** The result of a command that the operator has given. */
export interface Command<A extends unknown[]> {
  run(...args: A): Promise<boolean>;
  isBusy: boolean;
  error: ApiError | null;
  clear(): void;
}

/** @param done is called after a success */
export function useCommand<A extends unknown[], T>(
  send: (...args: A) => Promise<T>,
  done: (result: T) => void,
): Command<A> {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const underWay = useRef(false);
  const run = async (...args: A): Promise<boolean> => {
    // A second click must not send a second command.
    if (underWay.current) return false;
    underWay.current = true;
    setBusy(true);
    setError(null);
    try {
      done(await send(...args));
      return true;
    } catch (failure) {
      setError(failure instanceof ApiError ? failure : new ApiError(0, { detail: String(failure) }));
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
    return () => removeEventListener('hashchange', changed);
  }, []);
  return hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
}
/** A link may contain anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
export const linkTo = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;
