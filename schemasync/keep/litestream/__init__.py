"""Support Litestream for a database whose live file has another name after each swap."""
