/**
 * The service worker: keeps the pages' shell and the pictures that were seen, so that the history
 * opens offline. What the service answers is never kept.
 */

const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));

const PICTURES = "pictures";
const MOST_PICTURES = 300;

/** Keep the shell, whose list and version come from the server. */
async function install() {
  const answer = await fetch("/shell.json", { cache: "no-store" });
  const { version, files } = await answer.json();
  const cache = await caches.open(`shell-${version}`);
  await cache.addAll(files.map((/** @type {string} */ file) => new Request(file, { cache: "reload" })));
  for (const name of await caches.keys()) {
    if (name.startsWith("shell-") && name !== `shell-${version}`) await caches.delete(name);
  }
  await worker.skipWaiting();
}

/** @param {Request} request */
async function keptOrFetched(request) {
  return (await caches.match(request)) ?? fetch(request);
}

/** @param {Request} request */
async function picture(request) {
  const cache = await caches.open(PICTURES);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.status === 200) {
    await cache.put(request, answer.clone());
    const keys = await cache.keys();
    await Promise.all(keys.slice(0, Math.max(keys.length - MOST_PICTURES, 0)).map((key) => cache.delete(key)));
  }
  return answer;
}

/** @param {Request} request */
async function pageOrShell(request) {
  try {
    return await fetch(request);
  } catch {
    const path = new URL(request.url).pathname;
    const kept = (await caches.match(path)) ?? (await caches.match("/offline"));
    return kept ?? Response.error();
  }
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (request.mode === "navigate") event.respondWith(pageOrShell(request));
  else if (url.pathname.startsWith("/i/")) event.respondWith(picture(request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(keptOrFetched(request));
});
