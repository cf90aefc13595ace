// The page's token and the person it shows come in the address's fragment, which no server ever sees.

const TOKEN_KEY = "daybeat-token";

export function fragment() {
  return new URLSearchParams(location.hash.slice(1));
}

/** Return the token, null without one. It leaves the address bar at once, so that it is not copied or shown along. */
export function takeToken() {
  const given = fragment();
  const token = given.get("token");
  if (token) {
    sessionStorage.setItem(TOKEN_KEY, token);
    given.delete("token");
    history.replaceState(null, "", given.size ? `#${given}` : location.pathname);
  }
  return token ?? sessionStorage.getItem(TOKEN_KEY);
}
