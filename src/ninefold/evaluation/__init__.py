"""What a trained model can do: contact sheets and measurements."""
