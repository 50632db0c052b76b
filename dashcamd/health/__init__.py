"""How the machine fares: CPU, memory, temperature."""
