"""The service over HTTP: routes, bodies, problems and what guards them; start with `api.http.routes`."""
