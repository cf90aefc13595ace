"""What several tests share: scenarios and dumps of stores."""
