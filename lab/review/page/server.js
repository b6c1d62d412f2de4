// Talks to the server on this computer. An act is done when its answer is here: it is saved.
export class Stale extends Error {}
export class Refused extends Error {}
export class Lost extends Error {}
export class Fault extends Error {}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { "x-fieldrec": "1", ...options.headers } });
  } catch (error) {
    throw new Lost(error.message);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({ error: `${response.status}` }));
  if (response.status === 500) throw new Fault();
  if (told.stale) throw new Stale(told.error);
  throw new Refused([told.error, told.hint].filter(Boolean).join("; "));
}

export async function get(path) {
  return (await ask(path)).json();
}

export async function act(session, wish) {
  const body = JSON.stringify(wish);
  const headers = { "content-type": "application/json" };
  return (await ask(`api/session/${session}/do`, { method: "POST", body, headers })).json();
}

export async function peaks(session) {
  const response = await ask(`api/session/${session}/peaks`);
  const values = new Uint8Array(await response.arrayBuffer());
  const channels = Number(response.headers.get("x-channels"));
  return { values, channels, rate: Number(response.headers.get("x-rate")) };
}

export function soundAddress(session, from, to) {
  return `sound/${session}?from=${from.toFixed(3)}&to=${to.toFixed(3)}`;
}
