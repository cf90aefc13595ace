"""From the plans to the people: websocket server and web page."""
