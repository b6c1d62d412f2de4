// A second opinion on our age files: the TypeScript library of age's author.
// node age.mjs decrypt IDENTITY SEALED PLAIN
// node age.mjs encrypt PLAIN SEALED RECIPIENT...
// node age.mjs recipient IDENTITY            prints the public key
import { readFile, writeFile } from "node:fs/promises";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto; // Node 18 does not show it globally
const age = await import("age-encryption");

const acts = {
  async decrypt(identity, sealed, plain) {
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(identity);
    await writeFile(plain, await decrypter.decrypt(await readFile(sealed)));
  },
  async encrypt(plain, sealed, ...recipients) {
    const encrypter = new age.Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    await writeFile(sealed, await encrypter.encrypt(await readFile(plain)));
  },
  async recipient(identity) {
    process.stdout.write(await age.identityToRecipient(identity));
  },
};

const [act, ...words] = process.argv.slice(2);
await acts[act](...words);
