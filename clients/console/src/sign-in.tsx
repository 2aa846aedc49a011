import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from './api.ts';
import { Failure, Field } from './ui.tsx';

export function SignIn({
  signIn,
  isBusy,
  error,
}: {
  signIn: (key: string) => void;
  isBusy: boolean;
  error: ApiError | null;
}) {
  const [key, setKey] = useState('');
  useEffect(() => {
    document.title = 'Sign in · Holdfast';
  }, []);
  return (
    <main class="sign-in">
      <h1>Holdfast console</h1>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() && !isBusy) signIn(key.trim());
        }}
      >
        <Field
          label="API key"
          isSecret
          value={key}
          set={setKey}
          isRequired
          hint="Kept in this tab only, until you close it or sign out. Its scopes decide what you see."
        />
        {error && <Failure error={error} />}
        <button type="submit" class="primary" disabled={isBusy}>
          {isBusy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
