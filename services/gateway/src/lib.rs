//! The only public port: verifies tokens, routes, serves the widget.
