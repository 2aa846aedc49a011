import { generate } from 'selfsigned';

/** Certificates as a managed service has them: of a CA that no system knows, for the names of its endpoints. */

export interface Authority {
  /** PEM. */
  certificate: string;
  key: string;
}

export async function makeAuthority(name: string): Promise<Authority> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    // SHA-1 by default, which servers refuse.
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: cert, key };
}

export async function certify({ certificate, key }: Authority, host: string): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: host }], {
    keyType: 'ec',
    // SHA-1 by default, which servers refuse.
    algorithm: 'sha256',
    ca: { cert: certificate, key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
