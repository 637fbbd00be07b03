private_ips = [
  "172.31.16.10",
]
public_ips = [
  "3.22.115.209",
]
