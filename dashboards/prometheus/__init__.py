"""What Prometheus is to scrape, record and alert on."""
